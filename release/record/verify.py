"""Whether GitHub holds what the ledger says: releases with every byte of their files, and deployments.

For `release audit verify`. Nothing here writes, and what GitHub says of a file is not believed: it is read.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial

from release.audit.reading import written
from release.core.audited import Check, Subject
from release.core.forge.compared import deployment_problems, release_problems
from release.core.forge.deployments import Found, wanted_deployments
from release.core.forge.recent import events_for, recent
from release.core.models import Stage
from release.core.promotions import Promotion, promotions
from release.core.records import moment, stamp
from release.errors import Misconfigured, ReleaseError, Unavailable
from release.ports import Forge
from release.promotion import Setup
from release.record.desk import Desk
from release.record.look import environment_of
from release.record.published import earns, wanted_release

LAST = 10  # promotions of a stage whose deployments are compared: as many as `release record` looks at
_CLOCKS_DIFFER = timedelta(days=1)  # GitHub's, and that of the machine whose time the ledger has


def check_forge(
    open_desk: Callable[[], Desk],
    stages: Sequence[tuple[Setup, Stage]],
    tags: Collection[str],
    hidden: Check | None,
) -> Iterator[Check]:
    """Releases of every stage whose channel has them, then deployments of every stage.

    `tags`: of these alone; empty: of all. `hidden`: why the artifact store is not read; then what a release
    should hold is not known either. What GitHub does not give is said once.
    """
    try:
        desk = open_desk()
        desk.forge.settings.repository()  # what a token may not see looks as if it were not there
    except ReleaseError as error:
        yield Check("release", "GitHub", "unread", f"not asked: {error.cause}")
        return
    yield from _of("release", desk.forge.name, partial(_releases, desk, stages, tags, hidden))
    for setup, stage in stages:
        place = f"{setup.pipeline.name}/{stage.name}"
        yield from _of("deployment", place, partial(_deployments, desk, setup, stage, tags, place))


def _of(subject: Subject, place: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from checks()
    except ReleaseError as error:
        yield Check(subject, place, "unread", error.cause)


def _releases(
    desk: Desk, stages: Sequence[tuple[Setup, Stage]], tags: Collection[str], hidden: Check | None
) -> Iterator[Check]:
    having = [(setup, stage) for setup, stage in stages if stage.channel in setup.pipeline.releases]
    if not having:
        return
    earned, in_vain = _tags(desk, having, tags)
    if earned and hidden is not None:
        yield Check("release", f"releases: {len(earned)}", hidden.result, hidden.why)
        earned = {}
    wants_immutable = _wants_immutable(desk.forge) if earned else None
    for tag, (setup, stage) in earned.items():
        yield from _one(desk, setup, stage, tag, wants_immutable)
    for tag in in_vain:
        if desk.forge.releases.published(tag) is not None:
            why = "it is published, and by the ledger it has not reached its stage with success"
            yield Check("release", f"release {tag}", "mismatch", why)


def _tags(
    desk: Desk, having: Sequence[tuple[Setup, Stage]], asked: Collection[str]
) -> tuple[Mapping[str, tuple[Setup, Stage]], Sequence[str]]:
    """Tags that have earned a release, with their stage, in the order of the ledger; and all others."""
    places = {(setup.pipeline.name, stage.name): (setup, stage) for setup, stage in having}
    earned: dict[str, tuple[Setup, Stage]] = {}
    tried: dict[str, None] = {}
    state = having[0][0].state
    for one in promotions(written(desk.ledger.commits(state))):
        tag, where = one.release.tag, (one.start.pipeline, one.start.stage)
        if tag is None or where not in places or (asked and tag not in asked):
            continue
        tried.setdefault(tag)
        if earns(one):
            earned.setdefault(tag, places[where])
    return earned, [tag for tag in tried if tag not in earned]


def _wants_immutable(forge: Forge) -> bool | None:
    """None: GitHub does not tell. It tells administrators alone, and answers 404 where it is off."""
    with contextlib.suppress(Misconfigured):
        return forge.settings.immutable_releases()
    return None


def _one(desk: Desk, setup: Setup, stage: Stage, tag: str, wants_immutable: bool | None) -> Iterator[Check]:
    place = f"release {tag}"
    try:
        wanted = wanted_release(desk, setup, stage, tag)
    except Unavailable as error:
        yield Check("release", place, "unread", error.cause)
        return
    except ReleaseError as error:
        yield Check("release", place, "mismatch", f"what it should hold cannot be derived: {error.cause}")
        return
    found = desk.forge.releases.published(tag)
    if found is None:
        drafts = desk.forge.releases.drafts(tag)
        why = "it is a draft, and not published" if drafts else "it is not on GitHub"
        yield Check("release", place, "mismatch", f"{why}; the ledger says that {stage.name} has run it")
        return
    held = {asset.id: desk.forge.releases.asset(asset) for asset in found.assets if asset.uploaded}
    problems = list(release_problems(wanted, found, held, immutable=wants_immutable is True))
    for wrong in problems:
        yield Check("release", wrong.place, "mismatch", wrong.what)
    if not problems:
        size = sum(map(len, held.values()))
        kept = "immutable" if found.immutable else "not immutable, as the repository has it"
        if not found.immutable and wants_immutable is None:
            kept = "not immutable; whether it should be, this token is not told"
        yield Check("release", place, "holds", f"{kept}; files: {len(held)}, {size} bytes, each of them read")


def _deployments(
    desk: Desk, setup: Setup, stage: Stage, tags: Collection[str], place: str
) -> Iterator[Check]:
    found_promotions = _last(desk, setup, stage)
    if not found_promotions:
        return
    wanted = wanted_deployments(
        found_promotions,
        environment=environment_of(setup, stage),
        regions=stage.environment.regions,
        production=stage.channel == "gold",
        repository=desk.forge.url,
    )
    there = _shown(desk.forge, environment_of(setup, stage), found_promotions[0])
    if tags:
        ids = {one.start.id for one in found_promotions if one.release.tag in tags}
        wanted = tuple(one for one in wanted if one.promotion in ids)
        there = [pair for pair in there if pair[0].payload.get("promotion") in ids]
    if not wanted:
        return
    problems = list(deployment_problems(wanted, there))
    for wrong in problems:
        yield Check("deployment", wrong.place, "mismatch", wrong.what)
    if not problems:
        why = f"compared: {len(wanted)}. They prove nothing: whoever may write deployments can change them"
        yield Check("deployment", place, "holds", why)


def _last(desk: Desk, setup: Setup, stage: Stage) -> tuple[Promotion, ...]:
    head = setup.head(stage.name)
    if head.last is None:
        return ()
    limit = events_for(LAST)
    events = desk.ledger.events(setup.state, limit=limit, pipeline=setup.pipeline.name, stage=stage.name)
    return recent(events, head, LAST)


def _shown(forge: Forge, environment: str, oldest: Promotion) -> Found:
    since = stamp(moment(oldest.start.at) - _CLOCKS_DIFFER)
    return [(one, forge.deployments.status(one.id)) for one in forge.deployments.of(environment, since=since)]
