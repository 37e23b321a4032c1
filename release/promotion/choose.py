"""Which release a verb is about: gathers what the version rules ask for, from git and the ledger."""

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from release.core import refusals
from release.core.blockers import Blocker
from release.core.conventional import Bump
from release.core.decisions import quarantined_names
from release.core.models import Stage
from release.core.selection import (
    Selection,
    known_tags,
    stage_runs,
)
from release.core.tags import Facts, highest_gold
from release.core.versions import Next, next_gold, next_qa, next_rc
from release.errors import Misconfigured
from release.ports import Repo
from release.promotion.gates import deployment_gates, promotion_gates
from release.promotion.setup import Request, Setup
from release.promotion.stated import stated
from release.promotion.taggable import untaggable


def deploy_selection(repo: Repo, setup: Setup, request: Request) -> Selection:
    """The commit that a stage without tags is to run."""
    stage = setup.stage(request.stage)
    if stage.channel is not None:
        raise Misconfigured(
            f"{stage.name} takes tagged releases, not commits",
            fix=f"release promote {stage.name}",
            see=str(stage.source),
        )
    commit = repo.resolve("HEAD" if request.ref is None else request.ref)
    branches = _branches(repo, setup, commit)
    blockers = [] if branches else [_unpushed(setup, commit)]
    runs = setup.head(stage.name).serves
    superseded = None
    if runs and runs.release.commit != commit:
        repo.ensure([runs.release.commit], refs=[f"refs/heads/{name}" for name in setup.refs.branches])
        if repo.is_ancestor(commit, runs.release.commit):
            superseded = (
                f"superseded: {stage.name} runs {runs.release.commit[:10]}, which is newer than {commit[:10]}"
            )
        elif not repo.is_ancestor(runs.release.commit, commit):
            blockers.append(
                Blocker(
                    "lost-commits",
                    f"{stage.name} runs {runs.release.commit[:10]}, which {commit[:10]} does not contain",
                    "merge it, then deploy the merge",
                )
            )
    asked = deployment_gates(repo, setup, stage, commit)
    return Selection(
        verb="deploy",
        commit=commit,
        manifest=None,
        services=request.services or None,
        approved_destructive=request.approve_destructive,
        superseded=superseded,
        gates=asked.passed,
        warnings=setup.warnings,
        blockers=(*blockers, *asked.closed),
    )


def _unpushed(setup: Setup, commit: str) -> Blocker:
    return Blocker(
        "foreign-commit",
        f"commit {commit[:10]} is on no branch of the remote that {setup.pipeline.name} releases from"
        f" ({', '.join(setup.pipeline.branches)})",
        "push it, or merge it there first",
    )


def _branches(repo: Repo, setup: Setup, commit: str) -> tuple[str, ...]:
    """One release branch of the remote that holds the commit is enough; the default branch is asked first."""
    patterns = setup.pipeline.branches
    names = [name for name in setup.refs.branches if any(fnmatchcase(name, pattern) for pattern in patterns)]
    for name in sorted(names, key=lambda name: (name != setup.refs.head, name)):
        tip = setup.refs.branches[name]
        repo.ensure([tip], refs=[f"refs/heads/{name}"])
        if tip == commit or repo.is_ancestor(commit, tip):
            return (name,)
    return ()


def next_release(repo: Repo, setup: Setup, request: Request) -> tuple[Next, Facts]:
    """What the version rules and the gates answer for a promotion. Reads git only, without credentials."""
    stage = setup.stage(request.stage)
    answer, facts = _answer(repo, setup, stage, request)
    asked = promotion_gates(repo, setup, stage, answer, facts)
    blockers = (*answer.blockers, *asked.closed, *untaggable(repo, setup, answer))
    return replace(answer, blockers=blockers, gates=asked.passed), facts


def _answer(repo: Repo, setup: Setup, stage: Stage, request: Request) -> tuple[Next, Facts]:
    if stage.channel is None:
        raise Misconfigured(
            f"{stage.name} takes commits, not tagged releases",
            fix=f"release deploy {stage.name}",
            see=str(stage.source),
        )
    facts = _facts(repo, setup, stage, request)
    source = facts.source
    asked = repo.resolve(request.ref) if request.ref is not None else None
    if stage.channel == "qa":
        commit = asked or (source.commit if source else None) or _tip(setup, stage)
        if commit is None:
            nothing = refusals.skipped(facts, "a commit")
            return Next(None, None, None, False, "", (), (nothing,)), facts
        repo.ensure([commit], refs=_heads(setup))
        facts = _about(repo, setup, facts, commit)
        return _first_channel(repo, setup, facts, commit, request), facts
    commit = asked or (source.commit if source else None)
    if source is not None:
        repo.ensure([source.commit], refs=_heads(setup))
        facts = _about(repo, setup, facts, source.commit)
    answer = next_rc(facts, commit=commit) if stage.channel == "rc" else next_gold(facts, commit=commit)
    return answer, facts


def _first_channel(repo: Repo, setup: Setup, facts: Facts, commit: str, request: Request) -> Next:
    tags = {tag.name: setup.refs.tags[tag.name] for tag in facts.tags}
    reachable = repo.merged_tags(commit, tags)
    base = highest_gold(facts.tags, reachable)
    messages: Iterable[str] = ()
    if base is not None and request.bump == "auto":
        since = repo.commits(since=base.commit, until=commit)
        messages = [f"{one.subject}\n\n{one.body}" for one in since]
    before = setup.head(facts.after) if facts.after else None
    source = facts.source
    return next_qa(
        facts,
        commit=commit,
        manifest=source.manifest if source and source.commit == commit else None,
        reachable=reachable,
        bump=None if request.bump == "auto" else Bump[request.bump.upper()],
        messages=messages,
        proven=frozenset(good.release.commit for good in before.history) if before else frozenset(),
        branches=None if setup.offline else _branches(repo, setup, commit),
    )


def _facts(repo: Repo, setup: Setup, stage: Stage, request: Request) -> Facts:
    prefix = setup.pipeline.tag_prefix
    before = setup.head(stage.after) if stage.after else None
    heads = [setup.head(one.name) for one in setup.pipeline.stages]
    return Facts(
        prefix=prefix,
        stage=stage.name,
        tags=setup.tags,
        known=known_tags(heads),
        quarantined=quarantined_names(setup.before(stage)),
        after=stage.after,
        source=stage_runs(before, prefix) if before else None,
        runs=stage_runs(setup.head(stage.name), prefix),
        new=request.new,
        allow_older=request.allow_older,
    )


def _about(repo: Repo, setup: Setup, facts: Facts, commit: str) -> Facts:
    """Add what only this commit's neighbours tell: manifests that its tags state, and
    whether it holds what runs.
    """
    here = [setup.refs.tags[tag.name] for tag in facts.tags if tag.commit == commit]
    said = stated(repo, [tag for tag in here if tag.annotated])
    manifests = {name: tag["Release-Manifest"] for name, tag in said.items() if "Release-Manifest" in tag}
    keeps = True
    if facts.runs is not None and facts.runs.commit != commit:
        repo.ensure([facts.runs.commit], refs=_heads(setup))
        keeps = repo.is_ancestor(facts.runs.commit, commit)
    return replace(facts, manifests=manifests, keeps_running=keeps)


def _heads(setup: Setup) -> list[str]:
    return [f"refs/heads/{name}" for name in setup.refs.branches]


def _tip(setup: Setup, stage: Stage) -> str | None:
    """A pipeline whose first stage has a channel takes the tip of the default branch."""
    if stage.after is not None or setup.refs.head is None:
        return None
    return setup.refs.branches.get(setup.refs.head)
