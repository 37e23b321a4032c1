"""Retires a service that a stage does not have any more: its triggers, then its aliases. Data stays."""

import secrets
from collections.abc import Sequence

from release.apply.work import Tools, Who
from release.build.documents import load_template, stack_name
from release.core.models import Place, Stage
from release.core.plan import ALIAS_EXISTS
from release.core.records import Event, Served, promotion_id, stamp
from release.core.retire import Retirement, left_behind, retirement
from release.core.snapshot import ObservedStack
from release.errors import Conflict, GateClosed, Misconfigured, Stranded
from release.observe import check_identity, observe_function
from release.ports import Progress
from release.ports.surroundings import Surroundings
from release.promotion import Setup

_TRIES = 5


def plan_retirement(tools: Tools, setup: Setup, stage: Stage, service: str) -> Retirement:
    """What is to do in every region of the stage. Raises GateClosed, Misconfigured, Unavailable."""
    head = setup.head(stage.name)
    if head.serves is None:
        raise GateClosed(f"{stage.name} has run nothing yet", fix=f"release status {stage.name} shows it")
    newest = head.partial.record if head.partial else head.serves.record
    paths = dict.fromkeys([newest, head.serves.record, *(one.record for one in reversed(head.history))])
    events = [tools.ledger.event(setup.state, path) for path in paths]
    past = [one for event in events for one in (*event.before, *event.after)]
    functions = left_behind(head, service, events[0].after, past)
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
    return retirement(stage.name, service, stacks, copies)


def carry_out(
    tools: Tools,
    surroundings: Surroundings,
    setup: Setup,
    planned: Retirement,
    reason: str,
    *,
    who: Who,
    progress: Progress,
) -> Event:
    """Record it, detach, remove. Killed or refused anywhere, the same command does what is left.

    Raises Misconfigured where a stack cannot be detached, Stranded where something still feeds an alias,
    RolloutFailed, Conflict, Unavailable.
    """
    bodies = [(one, _body(tools, one)) for one in planned.detach]
    event = _record(tools, setup, planned, reason, who)
    for stack, body in bodies:
        tags = {"release:service": planned.service, "release:stage": planned.stage}
        changed = tools.stacks.update(
            stack.place, stack.name, body, parameters={ALIAS_EXISTS: "false"}, tags=tags
        )
        if changed:
            tools.stacks.settled(stack.place, stack.name)
        progress("step", _step("detach", stack.name, stack.place, "its triggers are off"))
    alias = setup.pipelines.alias
    for place in dict.fromkeys(copy.place for copy in planned.remove):
        _refuse_fed(surroundings, place, planned.before, alias)
    for copy in planned.remove:
        tools.functions.delete_alias(copy.place, copy.name, alias)
        progress("step", _step("remove", copy.name, copy.place, f"alias {alias} is gone"))
    return event


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
    pipeline, now, state = setup.pipeline.name, tools.clock.now(), setup.state
    promotion = promotion_id(now, pipeline, planned.stage, secrets.token_hex(4))
    for attempt in range(_TRIES):
        event = Event(
            kind="retire",
            id=promotion,
            at=stamp(now),
            pipeline=pipeline,
            stage=planned.stage,
            verb="retire",
            release=None,
            actor=who.actor,
            tool=who.tool,
            fence=state.head(pipeline, planned.stage).fence,
            run=who.run,
            known=who.known,
            reason=reason,
            services=(planned.service,),
            before=planned.before,
        )
        try:
            tools.ledger.append(state, event)
        except Conflict:
            state = tools.ledger.read()
            head = state.head(pipeline, planned.stage)
            if attempt == _TRIES - 1 or head.running is not None:
                raise
        else:
            return event
    raise AssertionError("the last try returns or raises")


def _step(phase: str, name: str, place: Place, detail: str) -> dict[str, str]:
    return {"phase": phase, "name": name, "region": place.region, "detail": detail}
