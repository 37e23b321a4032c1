"""What is missing on GitHub for one stage."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from release.core.forge.deployments import (
    AddStatus,
    CreateDeployment,
    deployment_steps,
    unfinished,
    wanted_deployments,
)
from release.core.forge.names import github_environment, is_plain
from release.core.forge.recent import events_for, recent
from release.core.forge.steps import Part, Step
from release.core.models import Stage
from release.core.promotions import Promotion
from release.errors import Misconfigured, ReleaseError
from release.promotion import Setup
from release.record.desk import Desk
from release.record.published import release_plan
from release.record.pulls import comment_plan
from release.record.shown import shown


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What is to be done for one stage, in order; empty where GitHub is in step with the ledger."""

    stage: str
    steps: tuple[Step, ...] = ()
    objections: tuple[str, ...] = ()  # what cannot be mended
    notes: tuple[str, ...] = ()
    unread: tuple[tuple[Part, ReleaseError], ...] = ()  # parts that cannot be looked at
    ended: tuple[Promotion, ...] = ()  # of whose end GitHub does not know yet
    known: int = 0  # promotions that were compared


def plan_stage(
    desk: Desk,
    setup: Setup,
    stage: Stage,
    *,
    last: int,
    release: str | None = None,
    doubtful: Collection[str] = (),
) -> StagePlan:
    """Compare the last promotions of a stage with what GitHub holds. Raises Misconfigured, Unavailable.

    `release`: a tag or full commit id: only its promotions, however long ago they were, and all that belongs
    to them. `doubtful`: tags whose releases are looked into in any case, because what was done to them is
    not known.
    """
    promotions = _promotions(desk, setup, stage, last, release)
    wanted = wanted_deployments(
        promotions,
        environment=environment_of(setup, stage),
        regions=stage.environment.regions,
        production=stage.channel == "gold",
        repository=desk.forge.url,
    )
    if release is not None:
        promotions = tuple(one for one in promotions if release in (one.release.tag, one.release.commit))
        ids = {one.start.id for one in promotions}
        wanted = tuple(one for one in wanted if one.promotion in ids)
    if not wanted:
        return StagePlan(stage.name)
    unread: list[tuple[Part, ReleaseError]] = []
    create: Sequence[CreateDeployment] = ()
    statuses: Sequence[AddStatus] = ()
    fresh = {promotions[-1].start.id}
    try:
        compared = shown(
            desk.forge, promotions, wanted, now=desk.clock.now(), all_of_them=release is not None
        )
    except Misconfigured as error:
        unread.append(("deployments", error))
    else:
        create, statuses = deployment_steps(compared.wanted, compared.found)
        fresh = set(unfinished(compared.wanted, compared.found))
    ended = tuple(one for one in promotions if one.start.id in fresh and one.outcome is not None)
    touched = promotions if release is not None else ended
    tags = {*doubtful, *(one.release.tag for one in touched if one.release.tag is not None)}
    releases = release_plan(desk, setup, stage, promotions, looked_into=tags, unread=unread)
    comments = comment_plan(desk, setup, [one for one in touched if _moved(one)], unread)
    return StagePlan(
        stage.name,
        # The last status is the last of all: a promotion whose end GitHub shows is recorded as a whole.
        (*create, *releases.steps, *comments.steps, *statuses),
        tuple(releases.objections),
        (*releases.notes, *comments.notes),
        tuple(unread),
        ended,
        len(promotions),
    )


def environment_of(setup: Setup, stage: Stage) -> str:
    return github_environment(setup.pipeline, stage.name, plain=is_plain(setup.pipelines, setup.pipeline))


def _promotions(
    desk: Desk, setup: Setup, stage: Stage, last: int, release: str | None
) -> tuple[Promotion, ...]:
    head = setup.head(stage.name)
    if head.last is None:
        return ()
    limit = events_for(last) if release is None else None
    events = desk.ledger.events(setup.state, limit=limit, pipeline=setup.pipeline.name, stage=stage.name)
    return recent(events, head, last if release is None else len(events))


def _moved(one: Promotion) -> bool:
    return one.outcome is not None and one.outcome.event.outcome == "succeeded"
