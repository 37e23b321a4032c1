"""Which services are checked: those that are named, all, or those that a change may have touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.changed.asked import no_service
from release.changed.claims import Chosen
from release.changed.compared import refuse_none, services_of
from release.changed.trees import Surveyor, between
from release.core.models import Service
from release.errors import Misconfigured, ReleaseError
from release.ports import Repo

SHARED: Final = "common"  # the shared core: no service, and checked like one


@dataclass(frozen=True, slots=True)
class Choice:
    services: Mapping[str, Service]  # by name, sorted
    shared: bool  # whether the shared core is checked as well
    against: str
    unknown: str = ""  # why all were taken, where that was not asked for
    left_out: tuple[str, ...] = ()  # services of the work tree that no commit has: nobody can configure them


def choose(
    repo: Repo,
    survey: Surveyor,
    *,
    pipeline: str | None,
    names: Sequence[str] = (),
    base: str | None = None,
    everything: bool = False,
) -> Choice:
    """`names`, else `everything`, else what differs from `base` or is not committed.

    `base` None: the tip of the remote's default branch. What cannot be known counts as changed. Raises
    Misconfigured for a name that is none.
    """
    commit = repo.resolve("HEAD")
    top, folders = repo.folders(commit, "", "services")
    chosen = Chosen(repo, commit, top.get("pipelines"), pipeline)
    known = chosen.services(name for name in folders if name != SHARED)
    refuse_none(known, commit)
    has_shared = (repo.top / "services" / SHARED).is_dir()
    if unknown := [name for name in names if name not in known and not (name == SHARED and has_shared)]:
        raise no_service(unknown[0], known, repo.top, committed=unknown[0] in folders)
    if names:
        named = _configured(repo, chosen, commit, names)
        _refuse_unconfigured(frozenset(names) - {SHARED} - frozenset(named), repo.top)
        return Choice(named, SHARED in names, "the services that were named")
    if everything:
        return Choice(_configured(repo, chosen, commit, known), has_shared, "all services")
    try:
        compared = _default_base(repo) if base is None else base
        changes = between(repo, survey, pipeline=pipeline, base=compared, head=commit)
    except ReleaseError as error:
        every = _configured(repo, chosen, commit, known)
        return Choice(every, has_shared, "all services", f"the base is not known: {error.cause}")
    dirty = {path.split("/")[1] for path in repo.uncommitted("services") if path.count("/") > 1}
    picked = sorted({*changes.to_build, *(dirty.intersection(known))})
    if SHARED in dirty:
        picked = sorted(known)  # which of them import it, a commit would tell
    shared = has_shared and (bool(changes.unknown) or SHARED in dirty or _differs(repo, compared, commit))
    against = base if base is not None else "the remote's default branch"
    new = sorted(
        one for one in dirty - set(folders) if (repo.top / "services" / one / "service.yaml").is_file()
    )
    return Choice(_configured(repo, chosen, commit, picked), shared, against, changes.unknown, tuple(new))


def _configured(repo: Repo, chosen: Chosen, commit: str, names: Sequence[str]) -> Mapping[str, Service]:
    wanted = frozenset(names) - {SHARED}
    return services_of(repo, chosen.pipelines, commit, wanted) if wanted else {}


def _refuse_unconfigured(names: frozenset[str], top: Path) -> None:
    """A folder alone is no service: to check nothing of it would look like a pass."""
    for name in sorted(names):
        file = f"services/{name}/service.yaml"
        there = (top / file).is_file()
        raise Misconfigured(
            f"services/{name} has no service.yaml in HEAD",
            fix=f"commit it: git add services/{name} && git commit"
            if there
            else "write one, as docs/configuration.md shows, and commit it",
            see=file if there else f"services/{name}",
        )


def _default_base(repo: Repo) -> str:
    """Tip of the remote's default branch, fetched. Raises Unavailable and Misconfigured."""
    refs = repo.remote()
    branch = refs.head or "main"
    if branch not in refs.branches:
        raise Misconfigured(f"the remote has no branch {branch}", fix="name a base: --base REF")
    repo.ensure([refs.branches[branch]], refs=[f"refs/heads/{branch}"])
    return refs.branches[branch]


def _differs(repo: Repo, base: str, head: str) -> bool:
    folder = f"services/{SHARED}/"
    return any(one.path.startswith(folder) for one in repo.differences(repo.resolve(base), head))
