"""Facts of everything that the promises rest on -> findings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from release.config import load_pipelines
from release.core.doctor.clone import clone_findings
from release.core.doctor.findings import CHECKS, Finding, Trouble, in_order, troubled
from release.core.doctor.github import github_findings
from release.core.forge.facts import RepositoryFacts
from release.core.models import Pipelines
from release.doctor import accounts, configured, github
from release.doctor.asking import at_once, in_time, right, tried
from release.doctor.clone import read_clone
from release.doctor.surroundings import Surroundings
from release.errors import Misconfigured
from release.observe import pipeline_texts
from release.ports import RemoteRefs, Repo


def examine(around: Surroundings, stage: str | None = None) -> Sequence[Finding]:
    """Every finding, in the order of the checks. Raises Misconfigured for a stage that no pipeline has."""
    refs = in_time(partial(right, around.repo.remote))
    loaded: Pipelines | Trouble
    if isinstance(refs, Trouble):  # what hangs on the remote is not wrong because that is
        loaded = replace(refs, is_no=False)
    else:
        loaded = in_time(partial(right, partial(_pipelines, around.repo, refs)))
    stages = () if isinstance(loaded, Trouble) else configured.stages_of(loaded, stage)
    forge = tried(around.forge)
    branch = ""
    asks: dict[str, Callable[[], Any]] = {"clone": partial(read_clone, around, refs, loaded)}
    if not isinstance(loaded, Trouble):
        asks |= accounts.questions(around.aws, loaded, stages)
    if not isinstance(forge, Trouble):
        branch = github.branch_of(refs, forge)
        asks |= github.questions(forge, branch, loaded)
    answers = at_once(asks)
    clone = answers["clone"]
    found = (
        [troubled(check.id, clone) for check in CHECKS.values() if check.group == "This clone"]
        if isinstance(clone, Trouble)
        else [*clone_findings(clone)]
    )
    repository = answers.get("repository")
    ids = repository.ids if isinstance(repository, RepositoryFacts) else None
    found += accounts.findings(answers, None if isinstance(forge, Trouble) else forge.name, ids)
    if isinstance(forge, Trouble):
        found.append(troubled("github", forge))
    else:
        found += github_findings(github.facts(around, forge.name, branch, refs, loaded, stages, answers))
    return in_order(found)


def _pipelines(repo: Repo, refs: RemoteRefs) -> Pipelines:
    texts, warnings = pipeline_texts(repo, refs)
    if warnings:
        raise Misconfigured(
            warnings[0], fix="push pipelines/ to the default branch: there gates bind everybody"
        )
    return load_pipelines(texts.files, texts.odd)
