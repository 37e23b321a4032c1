"""Retires a service that a stage does not have any more: triggers, aliases, at last stacks. Data stays."""

import secrets
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from release.apply.append import append_end, append_on_top, fenced
from release.apply.stacks import refuse_another, request
from release.apply.work import Tools, Who
from release.build.documents import load_template, stack_name
from release.core import canonical
from release.core.models import Place, Stage
from release.core.records import Event, Served, promotion_id, stamp
from release.core.retire import (
    Asked,
    Deletion,
    Retirement,
    deletion,
    left_behind,
    outcome_of,
    refuse_too_early,
    refuse_unknown,
    retirement,
)
from release.core.snapshot import ALIAS_EXISTS, ObservedStack
from release.errors import ForeignChange, GateClosed, Misconfigured, ReleaseError, Stranded
from release.observe import check_identity, observe_function
from release.past import ever_served, past_events
from release.ports import LedgerState, Progress
from release.ports.removal import Removal
from release.ports.surroundings import Surroundings
from release.promotion import Setup

if TYPE_CHECKING:
    from release.core.infra_values import Template


@dataclass(frozen=True, slots=True)
class Retiring:
    """What retiring needs."""

    tools: Tools
    surroundings: Surroundings
    removal: Removal
    read: "Callable[[str, str], Template]"  # text and whose it is -> the template
    in_main: Collection[str] = ()  # services of the repository's default branch


def plan_retirement(
    retiring: Retiring, setup: Setup, stage: Stage, service: str, asked: Asked | None = None
) -> Retirement:
    """What is to do in every region of the stage; with `asked`, the stacks go, too. Writes nothing.

    Raises GateClosed, Misconfigured, Unavailable.
    """
    tools, head = retiring.tools, setup.head(stage.name)
    if head.serves is None:
        raise GateClosed(f"{stage.name} has run nothing yet", fix=f"release status {stage.name} shows it")
    good = past_events(tools.ledger, setup.state, head)
    past = ever_served(good)
    events: Sequence[Event] = ()
    if asked is not None or all(one.service != service for one in past):
        # Longer ago than the head remembers, or when it was retired.
        events = tools.ledger.events(setup.state, pipeline=setup.pipeline.name, stage=stage.name)
        past = ever_served([*good, *events])
    functions = left_behind(head, service, good[0].after, past, retiring.in_main)
    places = {(place.account, place.region): place for place in stage.environment.places}
    check_identity(tools.functions, stage.environment)
    alias = setup.pipelines.alias
    copies = [
        observe_function(tools.functions, service, places[one.account, one.region], one.function, alias)
        for one in functions
        if (one.account, one.region) in places
    ]
    name = stack_name(service, stage.name)
    at = dict.fromkeys(copy.place for copy in copies)
    stacks = [ObservedStack(service, place, name, tools.stacks.stack(place, name)) for place in at]
    planned = retirement(stage.name, service, stacks, copies)
    if asked is None or (planned.is_done and all(one.stack is None for one in stacks)):
        return planned
    refuse_too_early(planned, asked, events, tools.clock.now())
    found = [_deletion(retiring, one, asked) for one in stacks if one.stack is not None]
    deletions = tuple(one for one in found if one is not None)
    refuse_unknown(deletions, asked)
    return replace(planned, delete=deletions)


def _deletion(retiring: Retiring, stack: ObservedStack, asked: Asked) -> Deletion | None:
    """None: it is gone by now."""
    status = stack.stack.status if stack.stack else ""
    if status.endswith("_IN_PROGRESS") and status not in ("DELETE_IN_PROGRESS", "REVIEW_IN_PROGRESS"):
        raise ForeignChange(
            f"stack {stack.name} in {stack.place} is {status}: somebody is at it",
            fix="see its events for who; then run the same command again",
        )
    text = retiring.removal.template(stack.place, stack.name)
    if text is None:
        return None
    digest = canonical.sha256(text.encode())
    return deletion(stack, digest, retiring.read(text, stack.name), asked)


def carry_out(
    retiring: Retiring,
    setup: Setup,
    planned: Retirement,
    reason: str,
    *,
    who: Who,
    progress: Progress,
) -> Event:
    """Record it, detach, remove. Killed or refused anywhere, the same command does what is left.

    `setup` is the one that it was planned with. Raises Misconfigured where a stack cannot be detached,
    Stranded where something still feeds an alias or a stack cannot be deleted, Conflict where the stage has
    moved since it was planned, RolloutFailed, Unavailable.
    """
    tools = retiring.tools
    bodies = [(one, _body(tools, one)) for one in planned.detach]
    begun = _record(tools, setup, planned, reason, who)
    notes: list[str] = []
    failure: ReleaseError | None = None
    try:
        _detach(tools, planned, bodies, begun, progress)
        _remove(retiring, planned, setup.pipelines.alias, progress)
        _delete(retiring.removal, planned.delete, notes, progress)
    except ReleaseError as error:
        failure = error
    return append_end(tools, begun, "retire-ended", outcome_of(failure), notes=tuple(notes), failure=failure)


def _detach(
    tools: Tools,
    planned: Retirement,
    bodies: Sequence[tuple[ObservedStack, str]],
    begun: Event,
    progress: Progress,
) -> None:
    for stack, body in bodies:
        if stack.stack is not None:
            refuse_another(stack.stack, tools.stacks.stack(stack.place, stack.name), stack.place)
        wanted = request(planned.service, planned.stage, stack.name, body, alias_exists=False)
        if tools.stacks.update(stack.place, wanted):
            tools.stacks.settled(stack.place, stack.name)
        progress("step", _step("detach", stack.name, stack.place, "its triggers are off"))
    # That may have taken minutes, and a rollout that brings the service back needs its aliases.
    if bodies and tools.ledger.read().head(begun.pipeline, begun.stage).last != begun.path:
        raise Stranded(
            f"{begun.stage} has moved while the triggers of {planned.service} went off: its aliases stay",
            fix=f"look at release status {begun.stage}; then run the same command again: it does the rest",
        )


def _remove(retiring: Retiring, planned: Retirement, alias: str, progress: Progress) -> None:
    for place in dict.fromkeys(copy.place for copy in planned.remove):
        _refuse_fed(retiring.surroundings, place, planned.before, alias)
    for copy in planned.remove:
        retiring.tools.functions.delete_alias(copy.place, copy.name, alias)
        progress("step", _step("remove", copy.name, copy.place, f"alias {alias} is gone"))


def _delete(removal: Removal, stacks: Sequence[Deletion], notes: list[str], progress: Progress) -> None:
    """In all regions at once: what fails in one keeps the others from nothing, and is raised at the end.

    `notes` gets a line for each stack.
    """
    with ThreadPoolExecutor(max(1, len(stacks)), thread_name_prefix="delete") as pool:
        failures = list(pool.map(lambda one: _delete_one(removal, one), stacks))
    failed = [failure for failure in failures if failure is not None]
    for one, failure in zip(stacks, failures, strict=True):
        said = failure.cause if failure else "deleted"
        notes.append(f"stack {one.name} in {one.place.region}: {said}"[:400])
        if failure is None:
            kept = f"; kept: {', '.join(one.kept)}" if one.kept else ""
            progress("step", _step("delete", one.name, one.place, f"the stack is gone{kept}"))
    if failed:
        failed[0].details = (*failed[0].details, *(one.cause for one in failed[1:]))
        raise failed[0]


def _delete_one(removal: Removal, stack: Deletion) -> ReleaseError | None:
    """Why it is still there; None: it is gone.

    What its template keeps was looked at when it was planned: another template keeps something else.
    """
    try:
        text = removal.template(stack.place, stack.name)
        if text is not None and canonical.sha256(text.encode()) != stack.template:
            raise ForeignChange(
                f"stack {stack.name} in {stack.place} has got another template since this was planned",
                fix="see its events for who did that; then run the same command again",
            )
        removal.delete(stack.place, stack.name)
    except ReleaseError as failure:
        return failure
    return None


def _body(tools: Tools, stack: ObservedStack) -> str:
    """The template that a stack has: only its parameter is to change."""
    digest = stack.stack.template if stack.stack else ""
    if not tools.artifacts.holds(digest, kind="template", region=stack.place.region):
        raise Misconfigured(
            f"stack {stack.name} in {stack.place} has a template that no build has stored",
            fix=f"set {ALIAS_EXISTS} to false by hand, then retire it again: aws cloudformation update-stack"
            f" --stack-name {stack.name} --region {stack.place.region} --use-previous-template"
            " --capabilities CAPABILITY_NAMED_IAM"
            f" --parameters ParameterKey={ALIAS_EXISTS},ParameterValue=false",
        )
    return load_template(tools.artifacts, digest)


def _refuse_fed(surroundings: Surroundings, place: Place, served: Sequence[Served], alias: str) -> None:
    """Whoever made an event source by hand has to take it away: what it feeds would end in nothing."""
    names = {one.function for one in served if one.region == place.region}
    fed = [one for one in surroundings.mappings(place) if one.function in names and one.qualifier == alias]
    if fed:
        raise Stranded(
            f"the stack's triggers are off, and what no stack has still feeds {alias} of {fed[0].function}"
            f" in {place.region}",
            fix=f"aws lambda delete-event-source-mapping --uuid {fed[0].uuid} --region {place.region},"
            " then retire it again: it does the rest",
            details=[f"{one.source} feeds {one.function}" for one in fed],
        )


def _record(tools: Tools, setup: Setup, planned: Retirement, reason: str, who: Who) -> Event:
    """What is about to go, before anything does."""
    pipeline, now = setup.pipeline.name, tools.clock.now()
    event = Event(
        kind="retire",
        id=promotion_id(now, pipeline, planned.stage, secrets.token_hex(4)),
        at=stamp(now),
        pipeline=pipeline,
        stage=planned.stage,
        verb="retire",
        release=None,
        actor=who.actor,
        tool=who.tool,
        fence=0,
        run=who.run,
        known=who.known,
        reason=reason,
        services=(planned.service,),
        before=planned.before,
        notes=planned.notes,
    )

    def begun(state: LedgerState) -> Event:
        setup.refuse_moved(state, planned.stage)  # what came meanwhile may have brought the service back
        return fenced(event, state)

    return append_on_top(tools.ledger, setup.state, begun)


def _step(phase: str, name: str, place: Place, detail: str) -> dict[str, str]:
    return {"phase": phase, "name": name, "region": place.region, "detail": detail}
