"""Reads what one stage runs, and what stands around it, and compares it with the ledger."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from release.build.documents import load_manifest, load_template, stack_name
from release.core import canonical
from release.core.drift import (
    Copy,
    Finding,
    StackCopy,
    StageDrift,
    function_drift,
    mapping_drift,
    orphaned,
    orphaned_stack,
    region_drift,
    stack_drift,
)
from release.core.frozen import asked_for
from release.core.infra_apply import same_effect
from release.core.infra_expand import expanded
from release.core.models import Place, Stage
from release.core.records import Served, StageHead
from release.core.snapshot import StackFacts
from release.core.standing import OutOfReach
from release.errors import ReleaseError, Unavailable
from release.observe import check_identity_anywhere, observe_function
from release.orphans import Search, orphans_in, search
from release.past import came_with, ever_served, past_events
from release.ports import Artifacts, Functions, Ledger, Stacks
from release.ports.surroundings import Surroundings
from release.promotion import Setup

if TYPE_CHECKING:
    from release.core.infra_values import Document, Template

_T = TypeVar("_T")
_A = TypeVar("_A")
_IN_FLIGHT = 32  # for each region
Read: TypeAlias = "Callable[[str, str], Template]"  # text and whose it is -> the template


@dataclass(frozen=True, slots=True)
class Looking:
    """What looking for drift needs. Nothing of it is written to."""

    functions: Functions
    stacks: Stacks
    surroundings: Surroundings
    artifacts: Artifacts
    ledger: Ledger
    read: Read
    read_document: "Callable[[str, str], Document]"  # as `read`, with numbers and truth as they are written
    in_main: Collection[str] = ()  # services of the repository's default branch


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the ledger and the store say of a stage."""

    stage: Stage
    alias: str
    head: StageHead
    recorded: tuple[Served, ...]
    gone: tuple[Served, ...]  # what earlier releases had, and this one has not
    known: frozenset[str]  # code that the stage has run
    templates: Mapping[tuple[str, str, str], str]  # where -> digest of the template it came with
    stacks: Mapping[tuple[str, Place], str] = field(default_factory=dict)  # service and place -> digest
    orphans: Search | None = None


@dataclass(frozen=True, slots=True)
class _Region:
    copies: tuple[Copy, ...]
    findings: tuple[Finding, ...]


def read_drift(looking: Looking, setup: Setup, stage: Stage, *, detect: bool = False) -> StageDrift:
    """What differs in a stage. `detect`: CloudFormation looks at every resource, which takes minutes.

    A region that cannot be read is out of reach, with the reason. Raises Misconfigured where the ledger or
    the artifact store lacks what a head names, Unavailable where they are out of reach.

    Cost in each region: two or three GetFunction (100/s) and two calls of the 15/s for a function, one more
    for a hundred event sources; two of CloudFormation for a service, one for a hundred stacks.
    """
    head = setup.head(stage.name)
    if head.serves is None:
        return StageDrift(head, 0, ())
    wanted = _wanted(looking, setup, stage, head)
    regions = tuple(dict.fromkeys(served.region for served in (*wanted.recorded, *wanted.gone)))
    try:
        check_identity_anywhere(looking.functions, stage.environment)
    except ReleaseError as error:
        return StageDrift(head, 0, (), tuple(_out(region, error) for region in regions))

    # Each region has threads of its own: one that does not answer keeps nobody waiting for the others' words.
    with ThreadPoolExecutor(max(1, len(regions)), thread_name_prefix="regions") as pool:
        found = list(pool.map(lambda region: _region(looking, wanted, region, detect=detect), regions))
    read = [one for one in found if isinstance(one, _Region)]
    copies = [copy for one in read for copy in one.copies]
    findings = [finding for one in read for finding in one.findings]
    findings += region_drift(copies, head)
    return StageDrift(
        head,
        len(copies),
        tuple(sorted(findings, key=lambda one: one.order)),
        tuple(one for one in found if isinstance(one, OutOfReach)),
    )


def _wanted(looking: Looking, setup: Setup, stage: Stage, head: StageHead) -> _Wanted:
    events = past_events(looking.ledger, setup.state, head)
    recorded = events[0].after
    now = {served.where for served in recorded}
    past = {served.where: served for served in ever_served(events[::-1])}
    manifest = cache(lambda digest: load_manifest(looking.artifacts, digest))
    templates = {
        served.where: template
        for served in recorded
        if (template := came_with(served, events, stage.name, manifest)) is not None
    }
    places = {(place.account, place.region): place for place in stage.environment.places}
    stacks = {
        (served.service, places[served.account, served.region]): templates[served.where]
        for served in recorded
        if served.where in templates and (served.account, served.region) in places
    }
    return _Wanted(
        stage,
        setup.pipelines.alias,
        head,
        recorded,
        tuple(served for where, served in sorted(past.items()) if where not in now),
        frozenset(served.code for event in events for served in event.after if served.code is not None),
        templates,
        stacks,
        search(looking.functions, looking.surroundings, looking.ledger, setup, stage, looking.in_main),
    )


def _region(looking: Looking, wanted: _Wanted, region: str, *, detect: bool) -> _Region | OutOfReach:
    """All of it, or the first reason why not."""
    places = {place.region: place for place in wanted.stage.environment.places}
    place = places.get(region)
    recorded = [served for served in wanted.recorded if served.region == region]
    if place is None:  # the stage has left this region since
        return OutOfReach(region, f"{wanted.stage.name} is configured without it now", unanswered=False)
    elsewhere = sorted({served.account for served in recorded} - {place.account})
    if elsewhere:
        why = (
            f"recorded in account {elsewhere[0]}, and {wanted.stage.name} is configured with {place.account}"
        )
        return OutOfReach(region, why, unanswered=False)
    try:
        return _read_region(looking, wanted, place, recorded, detect=detect)
    except ReleaseError as error:
        return _out(region, error)


def _read_region(
    looking: Looking, wanted: _Wanted, place: Place, recorded: Sequence[Served], *, detect: bool
) -> _Region:
    stage, alias = wanted.stage.name, wanted.alias
    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix=f"drift-{place.region}") as pool:

        def in_parallel(read: Callable[[_A], _T], items: Iterable[_A]) -> list[_T]:
            return [future.result() for future in [pool.submit(read, item) for item in items]]

        names = [(service, digest) for (service, at), digest in wanted.stacks.items() if at == place]
        stacks = in_parallel(lambda one: _stack(looking, wanted, place, *one, detect=detect), names)
        templates = {
            service: _templates(looking, service, one)
            for (service, _), one in zip(names, stacks, strict=True)
        }
        copies = in_parallel(
            lambda served: _copy(looking, place, served, alias, templates.get(served.service, ())), recorded
        )
        # A release that failed, or was rolled back, has left its code on $LATEST: a build has stored that.
        latest = {copy.observed.latest.code for copy in copies if copy.observed.latest is not None}
        foreign = sorted(latest - wanted.known)
        stored = in_parallel(
            lambda code: looking.artifacts.holds(code, kind="zip", region=place.region), foreign
        )
        known = wanted.known | {code for code, ours in zip(foreign, stored, strict=True) if ours}
        gone = [served for served in wanted.gone if served.region == place.region]
        left = in_parallel(lambda served: looking.functions.alias(place, served.function, alias), gone)
    under_way = (wanted.head.running.id,) if wanted.head.running else ()
    findings: list[Finding] = []
    for copy in copies:
        findings += function_drift(copy, stage=stage, alias=alias, under_way=under_way, known=known)
    if wanted.head.running is None:  # a rollout changes stacks, and attaches what feeds their functions
        for stack in stacks:
            findings += stack_drift(stack, stage=stage)
    findings += mapping_drift(looking.surroundings.mappings(place), recorded, alias=alias)
    for served, facts in zip(gone, left, strict=True):
        if facts is not None:
            findings.append(orphaned(served, facts, stage=stage))
    told = {finding.service for finding in findings if finding.kind == "orphan"}
    left_stacks = orphans_in(wanted.orphans, place) if wanted.orphans is not None else ()
    findings += [orphaned_stack(one) for one in left_stacks if one.service not in told]
    return _Region(tuple(copies), tuple(findings))


def _copy(
    looking: Looking,
    place: Place,
    served: Served,
    alias: str,
    templates: Sequence["Template"],
) -> Copy:
    observed = observe_function(looking.functions, served.service, place, served.function, alias)
    provisioned = None
    if observed.alias is not None:
        provisioned = looking.surroundings.provisioned(place, served.function, alias)
    asked = (asked_for(template, served.function, place) for template in templates)
    return Copy(served, observed, tuple(one for one in asked if one is not None), provisioned)


def _stack(
    looking: Looking, wanted: _Wanted, place: Place, service: str, digest: str, *, detect: bool
) -> StackCopy:
    name = stack_name(service, wanted.stage.name)
    facts = looking.stacks.stack(place, name)
    other = facts is not None and facts.template not in ("", digest)
    ours = other and facts is not None and _stored(looking.artifacts, facts.template, place.region)
    by_hand = facts is not None and facts.template == digest and _is_by_hand(looking, facts, digest, place)
    if ours and facts is not None and _means_the_same(looking, facts, digest, place):
        facts, ours = replace(facts, template=digest), False
    head = wanted.head
    # Rollbacks and failed rollouts leave stacks alone.
    explained = head.serves is not None and (
        head.serves.verb == "rollback" or head.last != head.serves.record
    )
    detected = None
    if detect and facts is not None and head.running is None:
        detected = looking.surroundings.changed_resources(place, name)
    return StackCopy(
        service,
        place,
        name,
        facts,
        digest,
        ours,
        explained,
        tuple(detected) if detected is not None else None,
        by_hand,
    )


def _means_the_same(looking: Looking, facts: StackFacts, digest: str, place: Place) -> bool:
    """Whether the stack has another text of ours that is no update to CloudFormation: a rollout leaves it."""
    there = looking.read_document(facts.body, facts.name)
    release = looking.read_document(load_template(looking.artifacts, digest), facts.name)
    return same_effect(there, release, parameters=facts.parameters, place=place, stack=facts.name)


def _is_by_hand(looking: Looking, facts: StackFacts, digest: str, place: Place) -> bool:
    """Whether a stack that keeps more than its release's template says has it otherwise than a rollout would.

    What a hand has added there is not told from what is kept.
    """
    if canonical.sha256(facts.body.encode()) == digest or not facts.body:
        return False
    there = looking.read_document(facts.body, facts.name)
    release = looking.read_document(load_template(looking.artifacts, digest), facts.name)
    again = expanded(there, release, facts.parameters, place, facts.name, digest)
    return again.document != there


def _stored(artifacts: Artifacts, digest: str, region: str) -> bool:
    return artifacts.holds(digest, kind="template", region=region)


def _templates(looking: Looking, service: str, stack: StackCopy) -> tuple["Template", ...]:
    """Those that may have configured what serves: the release's, and the one that the stack is at."""
    digests: Iterator[str] = iter((stack.template,))
    if stack.ours and stack.explained and stack.stack is not None:
        digests = iter((stack.template, stack.stack.template))
    return tuple(looking.read(load_template(looking.artifacts, digest), service) for digest in digests)


def _out(region: str, error: ReleaseError) -> OutOfReach:
    return OutOfReach(region, error.cause, unanswered=isinstance(error, Unavailable))
