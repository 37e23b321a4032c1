"""Reads every fact once, through ports. Never writes."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from release.core.manifest import Target
from release.core.models import LARGEST_FILE, Environment, Odd, Place
from release.core.snapshot import Observed, ObservedFunction, ObservedStack
from release.errors import Misconfigured, Unavailable
from release.ports import Artifacts, Functions, RemoteRefs, Repo, Stacks, TreeEntry

_T = TypeVar("_T")
_IN_FLIGHT = 32
# As gitattributes(5) and git-fast-import(1) name them
_LINK: Final = "120000"
_SUBMODULE: Final = "160000"


@dataclass(frozen=True, slots=True)
class Texts:
    """Configuration as it stands at one place: repository path -> bytes."""

    files: Mapping[str, bytes]
    origin: str  # for messages: "main of the remote", "the work tree"
    odd: Mapping[str, Odd] = field(default_factory=dict)  # what stands in the place of a file


@dataclass(frozen=True, slots=True)
class Listing:
    """Configuration files of a commit, not read yet."""

    blobs: Mapping[str, str]  # repository path -> blob id
    odd: Mapping[str, Odd]  # what stands in the place of a file


def pipeline_texts(repo: Repo, refs: RemoteRefs) -> tuple[Texts, tuple[str, ...]]:
    """`pipelines/` of the remote's default branch, with warnings.

    Nobody weakens a gate by a branch of their own. Where the remote has no pipelines yet, those of the work
    tree serve,
    with a warning: enough to calculate, and the first push mends it. Raises Misconfigured where there are
    none at all.
    """
    branch = refs.head or next((name for name in ("main", "master") if name in refs.branches), None)
    if branch is not None and branch in refs.branches:
        commit = refs.branches[branch]
        repo.ensure([commit], refs=[f"refs/heads/{branch}"])
        texts = committed_pipelines(repo, commit, f"{branch} of the remote")
        if texts.files or texts.odd:
            return texts, ()
    texts = work_tree_pipelines(repo.top)
    where = f"{branch} of the remote" if branch else "the remote, which has no branch yet"
    return texts, (f"pipelines/ is not on {where}; those of the work tree are used",)


def work_tree_pipelines(top: Path) -> Texts:
    """`pipelines/` as the files of the work tree say it. Raises Misconfigured where there are none."""
    files = work_tree_files(top)
    if not files:
        raise Misconfigured(
            "there is no pipelines/ with a pipeline in this repository",
            fix="write pipelines/environments.yaml and pipelines/fleet.yaml as docs/configuration.md shows,"
            " and push them",
            see=str(top / "pipelines"),
        )
    return Texts(files, "the work tree")


def work_tree_files(top: Path) -> Mapping[str, bytes]:
    """Every YAML file in `pipelines/` of a work tree, perhaps none. Raises Misconfigured."""
    folder = top / "pipelines"
    texts: dict[str, bytes] = {}
    if folder.is_symlink():
        raise _a_link("pipelines", folder)
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        if path.is_symlink():
            raise _a_link(f"pipelines/{path.name}", path)
        try:
            texts[f"pipelines/{path.name}"] = _plain_bytes(path)
        except OSError as error:
            raise Misconfigured(
                f"pipelines/{path.name} cannot be read: {error.strerror}",
                fix="make it a file that you may read, or remove it",
                see=str(path),
            ) from error
    return texts


def _a_link(name: str, path: Path) -> Misconfigured:
    return Misconfigured(
        f"{name} is a symbolic link, and git would not follow it",
        fix="put what it names there instead",
        see=str(path),
    )


def _plain_bytes(path: Path) -> bytes:
    """At most one byte more than may be read. Raises OSError for what is no file: a pipe would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read(LARGEST_FILE + 1)


def service_files(repo: Repo, commit: str) -> Listing:
    """Every services/*/service.yaml of a commit, and what is named nearly so."""
    matching = r"^services(/[^/]+)?$|^services/[^/]+/(?i:service\.ya?ml)(/|$)"
    return _sorted_out(repo.tree(commit, "services", matching=matching), depth=2)


def committed_pipelines(repo: Repo, commit: str, origin: str) -> Texts:
    """`pipelines/` as a commit has it, perhaps without any file."""
    matching = r"^pipelines$|^pipelines/[^/]+\.(?i:ya?ml)(/|$)"
    listing = _sorted_out(repo.tree(commit, "pipelines", matching=matching), depth=1)
    sizes = repo.sizes(listing.blobs.values())
    large: dict[str, Odd] = {
        path: "large" for path, blob in listing.blobs.items() if sizes[blob] > LARGEST_FILE
    }
    wanted = {path: blob for path, blob in listing.blobs.items() if path not in large}
    contents = repo.blobs(wanted.values())
    files = {path: contents[blob] for path, blob in wanted.items()}
    return Texts(files, origin, {**listing.odd, **large})


def _sorted_out(entries: Sequence[TreeEntry], *, depth: int) -> Listing:
    """Files at this depth of the tree; and links, submodules and folders where these should be."""
    blobs: dict[str, str] = {}
    odd: dict[str, Odd] = {}
    for entry in entries:
        level = entry.path.count("/")
        if level > depth:
            odd["/".join(entry.path.split("/")[: depth + 1])] = "folder"
        elif entry.mode == _SUBMODULE:
            odd[entry.path] = "submodule"
        elif entry.mode == _LINK:
            # A link beside the folders of services may be anything; README.md is often one.
            if level in (0, depth) or "." not in entry.path:
                odd[entry.path] = "link"
        elif level == depth:
            blobs[entry.path] = entry.blob
    return Listing(blobs, odd)


def check_identity(functions: Functions, environment: Environment, place: Place | None = None) -> None:
    """The credentials belong to the account that the configuration names. Raises Misconfigured.

    `place`: where to ask, because another region of the environment is out.
    """
    account = functions.account(place or environment.places[0])
    if account != environment.account:
        raise Misconfigured(
            f"these credentials belong to account {account}; {environment.name} is {environment.account}",
            fix=f"set `role:` of {environment.name} to a role of its account, or use its credentials",
            see="pipelines/environments.yaml",
        )


def check_identity_anywhere(
    functions: Functions, environment: Environment, places: Sequence[Place] = ()
) -> None:
    """The same, in any place that answers: the first may be the one that is out. Raises Unavailable, too."""
    *others, last = places or environment.places
    for place in others:
        with suppress(Unavailable):
            return check_identity(functions, environment, place)
    return check_identity(functions, environment, last)


def observe_fleet(
    functions: Functions,
    stacks: Stacks,
    artifacts: Artifacts,
    places: Sequence[Place],
    wanted: Sequence[Target],
    alias: str,
) -> Observed:
    """Stacks, functions, aliases and artifacts of one stage, read in parallel.

    Cost per function and place: two or three GetFunction (100/s) and one GetAlias (of the 15/s).
    """
    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="observe") as pool:

        def in_parallel(read: Callable[..., _T], items: Iterable[tuple[object, ...]]) -> tuple[_T, ...]:
            return tuple(future.result() for future in [pool.submit(read, *item) for item in items])

        def stack(target: Target, place: Place) -> ObservedStack:
            name = target.settings.stack
            return ObservedStack(target.service, place, name, stacks.stack(place, name))

        def function(target: Target, place: Place, name: str) -> ObservedFunction:
            return observe_function(functions, target.service, place, name, alias)

        def artifact(digest: str, region: str) -> tuple[tuple[str, str], bool]:
            return (digest, region), artifacts.holds(digest, kind="zip", region=region)

        pairs = [(target, place) for target in wanted for place in places]
        found_stacks = in_parallel(stack, pairs)
        found_functions = in_parallel(
            function, [(target, place, f.name) for target, place in pairs for f in target.settings.functions]
        )
        held = in_parallel(artifact, {(target.artifact, place.region) for target, place in pairs})
    return Observed(functions=found_functions, stacks=found_stacks, artifacts=dict(held))


def observe_function(
    functions: Functions, service: str, place: Place, name: str, alias: str
) -> ObservedFunction:
    """One function in one place, with what its alias serves."""
    latest = functions.function(place, name)
    if latest is None:
        return ObservedFunction(service, place, name, None, None, None)
    facts = functions.alias(place, name, alias)
    live = functions.function(place, name, facts.lambda_version) if facts else None
    return ObservedFunction(service, place, name, latest, facts, live)
