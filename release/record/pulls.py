"""Comments on the pull requests whose changes a promotion has moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from release.core.forge.comments import (
    MOST_PULLS,
    Change,
    CreateComment,
    UpdateComment,
    changes,
    comment_body,
    comment_step,
    rows_of,
)
from release.core.forge.names import github_environment, is_plain
from release.core.forge.steps import Part
from release.core.promotions import Promotion
from release.core.records import Good, StageHead
from release.errors import Misconfigured, ReleaseError
from release.ports import Forge, Repo
from release.promotion import Setup
from release.record.desk import Desk

_MOST_RANGES = 20  # releases of a stage that are looked back through for a change


@dataclass(slots=True)
class CommentPlan:
    steps: list[CreateComment | UpdateComment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def comment_plan(
    desk: Desk, setup: Setup, moved: Sequence[Promotion], unread: list[tuple[Part, ReleaseError]]
) -> CommentPlan:
    """For these promotions, the newest first where there are more pull requests than are commented on."""
    plan = CommentPlan()
    try:
        found, left_out = _changes(desk, moved)
        if left_out:
            plan.notes.append(f"{left_out} older pull requests or commits were left out of the comments")
        if not found:
            return plan
        stages = _stages(desk.repo, setup, {change.commit for change in found})
        for change in found:
            body = comment_body(rows_of(stages, change.commit), desk.forge.url)
            step = _step(desk.forge, change.number, body)
            if step is not None:
                plan.steps.append(step)
    except Misconfigured as error:
        unread.append(("comments", error))
    return plan


def _step(forge: Forge, number: int, body: str) -> CreateComment | UpdateComment | None:
    pull = forge.pulls.pull(number)
    if pull is None or not pull.merged:
        return None  # `(#12)` in a subject may be an issue, or a pull request that never came in
    return comment_step(number, body, forge.pulls.comments(number), login_of(forge))


def login_of(forge: Forge) -> str | None:
    try:
        return forge.login()
    except Misconfigured:  # a token that may comment need not be allowed to say whose it is
        return None


def _changes(desk: Desk, moved: Sequence[Promotion]) -> tuple[Sequence[Change], int]:
    """Pull requests, each with its newest commit; and how many were left out."""
    found: dict[int, str] = {}
    left_out = 0
    for one in sorted(moved, key=lambda one: one.start.id, reverse=True):
        said = changes(_commits(desk.repo, one))
        left_out += said.left_out
        for change in said.named:
            found.setdefault(change.number, change.commit)
        for commit in said.unnamed if len(found) < MOST_PULLS else ():
            for pull in desk.forge.pulls.of_commit(commit):
                found.setdefault(pull.number, commit)
    every = [Change(number, commit) for number, commit in found.items()]
    return every[:MOST_PULLS], left_out + max(0, len(every) - MOST_PULLS)


def _commits(repo: Repo, one: Promotion) -> Sequence[tuple[str, str]]:
    """(id, subject) of what came in, and of what a rollback took out, newest first."""
    until = one.release.commit
    since = one.served_before.release.commit if one.served_before else None
    if since == until:
        return ()
    repo.ensure([until, *([since] if since else [])])
    listed = list(repo.commits(since=since, until=until))
    if since is not None:
        listed += repo.commits(since=until, until=since)
    return [(commit.id, commit.subject) for commit in listed]


def _stages(repo: Repo, setup: Setup, commits: set[str]) -> Sequence[tuple[str, Mapping[str, Good]]]:
    """Every stage of every pipeline by its name on GitHub, with the release by which it got each commit."""
    return [
        (
            github_environment(pipeline, stage.name, plain=is_plain(setup.pipelines, pipeline)),
            _arrivals(repo, setup.state.head(pipeline.name, stage.name), commits),
        )
        for pipeline in setup.pipelines.pipelines.values()
        for stage in pipeline.stages
    ]


def _arrivals(repo: Repo, head: StageHead, commits: set[str]) -> Mapping[str, Good]:
    found: dict[str, Good] = {}
    missing = set(commits)
    newest_first = list(reversed(head.history))
    ranges = list(zip(newest_first, [*newest_first[1:], None], strict=True))
    for good, before in ranges[:_MOST_RANGES]:
        until, since = good.release.commit, before.release.commit if before else None
        if not missing or until == since:
            continue
        repo.ensure([until, *([since] if since else [])])
        there = {commit.id for commit in repo.commits(since=since, until=until)} & missing
        found |= dict.fromkeys(there, good)
        missing -= there
    return found
