"""Reads the settings of the repository on GitHub."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from release.core.doctor.findings import Trouble
from release.core.doctor.github_facts import GitHubFacts
from release.core.doctor.refs import OWNED, PROTECTED
from release.core.doctor.rules import asked_by, covering
from release.core.models import Pipeline, Pipelines, Stage
from release.doctor import configured
from release.doctor.asking import tried
from release.doctor.surroundings import Surroundings
from release.errors import ReleaseError
from release.ports import Forge, RemoteRefs, Repo
from release.ports.forge import ForgeSettings

_CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # GitHub takes the first


def branch_of(refs: RemoteRefs | Trouble, forge: Forge) -> str:
    """The default branch, as the remote has it, else as GitHub does. Empty: neither says."""
    if not isinstance(refs, Trouble) and refs.head:
        return refs.head
    repository = tried(forge.settings.repository)
    return "" if isinstance(repository, Trouble) else repository.default_branch


def questions(forge: Forge, branch: str, loaded: Pipelines | Trouble) -> Mapping[str, Callable[[], Any]]:
    settings = forge.settings
    return {
        "repository": settings.repository,
        "rules": partial(_rules, settings, branch),
        "immutable": settings.immutable_releases,
        "environments": settings.environments,
        "token": settings.token_defaults,
        "claims": settings.subject_claims,
        "secrets": settings.secrets if _webhooks(loaded) else frozenset,
    }


def _rules(settings: ForgeSettings, branch: str) -> tuple[Any, Any]:
    """Rulesets, and the older protection of the branch where they leave something out."""
    rulesets = tried(settings.rulesets)
    if isinstance(rulesets, Trouble):
        return rulesets, None
    holding = covering(rulesets, f"refs/heads/{branch}", branch)
    if asked_by(holding) >= PROTECTED and any(one.code_owners for one in holding):
        return rulesets, None
    return rulesets, tried(partial(settings.protection, branch))


def _webhooks(pipelines: Pipelines | Trouble) -> tuple[str, ...]:
    """Variables that hold addresses; what is kept in AWS, its own rights protect."""
    if isinstance(pipelines, Trouble):
        return ()
    named = (one.where for one in pipelines.recipients)
    return tuple(dict.fromkeys(one for one in named if not one.startswith("arn:")))


def facts(
    around: Surroundings,
    name: str,
    branch: str,
    refs: RemoteRefs | Trouble,
    loaded: Pipelines | Trouble,
    stages: tuple[tuple[Pipeline, Stage], ...],
    answers: Mapping[str, Any],
) -> GitHubFacts:
    claims, rules = answers["claims"], answers["rules"]
    rulesets, protection = (rules, None) if isinstance(rules, Trouble) else rules
    pipelines = None if isinstance(loaded, Trouble) else loaded
    codeowners, folders = _owned(around.repo, refs)
    return GitHubFacts(
        name=name,
        branch=branch,
        prefixes=tuple(one.tag_prefix for one in pipelines.pipelines.values()) if pipelines else (),
        wanted=configured.wanted_environments(pipelines, stages) if pipelines else (),
        repository=answers["repository"],
        rulesets=rulesets,
        protection=protection,
        codeowners=codeowners,
        folders=folders,
        immutable=answers["immutable"],
        environments=answers["environments"],
        token=answers["token"],
        claims=claims if claims is None or isinstance(claims, Trouble) else tuple(claims),
        webhooks=_webhooks(loaded),
        handed_on=tuple(around.handed_on(pipelines)) if pipelines else (),
        set_here=around.variables,
        secrets=answers["secrets"],
    )


def _owned(repo: Repo, refs: RemoteRefs | Trouble) -> tuple[str | Trouble | None, tuple[str, ...]]:
    """CODEOWNERS of the default branch, and the folders there that somebody has to own."""
    if isinstance(refs, Trouble):
        return replace(refs, is_no=False), OWNED
    commit = refs.branches.get(refs.head or "")
    if commit is None:
        return None, OWNED
    try:
        repo.ensure([commit], refs=[f"refs/heads/{refs.head}"])
        there = set(repo.folders(commit, "")[0])
        entries = {entry.path: entry.blob for entry in repo.tree(commit, *_CODEOWNERS)}
        blob = next((entries[path] for path in _CODEOWNERS if path in entries), None)
        text = None if blob is None else repo.blobs([blob])[blob].decode("utf-8", "replace")
    except ReleaseError as error:
        return Trouble(error.cause, error.fix), OWNED
    return text, tuple(folder for folder in OWNED if folder.strip("/") in there)
