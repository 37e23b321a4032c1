"""Puts a service's stack in place, on the way forward and back; and what that would do to it."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from release.apply.work import Tools, Work
from release.core.actions import ApplyStack
from release.core.infra_apply import ResourceChange, StackChange, refuse_more, stack_change
from release.core.infra_diff import RESOURCES, Entry
from release.core.infra_values import Document
from release.core.models import Place
from release.core.preflight import stands
from release.core.snapshot import ALIAS_EXISTS, StackFacts
from release.errors import ForeignChange, RolloutFailed
from release.ports import StackRequest, Stacks

Read: TypeAlias = Callable[[str, str], Document]  # text and whose it is -> the template


@dataclass(slots=True)
class Templates:
    """Templates as documents, each read once."""

    tools: Tools
    _stored: dict[str, Document] = field(default_factory=dict)
    _deployed: dict[str, Document] = field(default_factory=dict)

    def stored(self, digest: str, of: str) -> Document:
        """Raises Misconfigured where it is lost, damaged or no template."""
        if digest not in self._stored:
            self._stored[digest] = self.tools.read_document(_text(self.tools, digest), of)
        return self._stored[digest]

    def deployed(self, facts: StackFacts) -> Document:
        if facts.body not in self._deployed:
            self._deployed[facts.body] = self.tools.read_document(facts.body, f"stack {facts.name}")
        return self._deployed[facts.body]

    def change(
        self, facts: StackFacts | None, digest: str, *, place: Place, stack: str, contract: bool = False
    ) -> StackChange:
        """What the stored template would do to the stack. `facts` None: the stack is to be created."""
        return stack_change(
            self.deployed(facts) if facts is not None and facts.body else None,
            self.stored(digest, stack),
            self.tools.create_only(),
            parameters=facts.parameters if facts is not None else {ALIAS_EXISTS: "false"},
            place=place,
            stack=stack,
            digest=digest,
            contract=contract,
        )


def body(tools: Tools, change: StackChange, digest: str) -> str:
    """The text that is sent to CloudFormation."""
    if change.document is None:
        return _text(tools, digest)
    return json.dumps(change.document, ensure_ascii=False, separators=(",", ":"))


def request(service: str, stage: str, name: str, text: str, *, alias_exists: bool) -> StackRequest:
    """`alias_exists`: with the triggers that name the alias."""
    parameters = {ALIAS_EXISTS: "true" if alias_exists else "false"}
    return StackRequest(name, text, parameters, {"release:service": service, "release:stage": stage})


def refuse_another(planned: StackFacts, now: StackFacts | None, place: Place) -> None:
    """No record keeps a rollout from beginning while a stack changes apart from one, and no lock a hand."""
    if now is None or (now.body, now.parameters) != (planned.body, planned.parameters):
        raise ForeignChange(
            f"stack {planned.name} in {place} is another one than when this was planned",
            fix="see its events for who changed it, then run the same command again",
        )


def apply_stack(work: Work, action: ApplyStack) -> StackFacts | None:
    """Create, expand or attach a stack, and wait for its end. None: there was nothing to change.

    Raises RolloutFailed; GateClosed and ForeignChange where it would be more than was planned.
    """
    place, name, stacks = action.place, action.stack, work.tools.stacks
    facts = None if action.create else stacks.stack(place, name)
    if facts is not None and not stands(facts.status):
        with suppress(RolloutFailed):  # whatever was under way there, and however it ended
            stacks.settled(place, name)
        facts = stacks.stack(place, name)
    if facts is None or facts.template == action.template:
        return put_stack(
            work,
            action.service,
            place,
            name,
            action.template,
            alias_exists=action.alias_exists,
            create=action.create,
        )
    change = Templates(work.tools).change(facts, action.template, place=place, stack=name)
    text = body(work.tools, change, action.template)
    wanted = request(action.service, work.plan.stage, name, text, alias_exists=action.alias_exists)
    changed = change_stack(stacks, place, wanted, change, planned=action.entries)
    return stacks.settled(place, name) if changed else None


def change_stack(
    stacks: Stacks,
    place: Place,
    wanted: StackRequest,
    change: StackChange,
    *,
    planned: tuple[Entry, ...],
    allowed: frozenset[str] = frozenset(),
) -> bool:
    """Start what was planned, and nothing more. `change`: as the stack is now. False: nothing to change."""
    now = [
        ResourceChange(
            entry.name, entry.kind, "remove" if entry.action == "remove" else "modify", entry.replacement
        )
        for entry in change.entries
        if entry.section == RESOURCES and entry.action != "add"
    ]
    known = {entry.name for entry in planned if entry.action == "remove" or entry.replacement != "no"}
    more = [
        one.name for one in now if one.name not in known and (one.action, one.replacement) != ("modify", "no")
    ]
    if more:
        raise ForeignChange(
            f"stack {wanted.name} in {place} is another one than when this was planned: {', '.join(more)}",
            fix="see its events for who changed it, then plan again",
        )
    return stacks.change(place, wanted, partial(refuse_more, wanted.name, place, planned, allowed=allowed))


def put_stack(
    work: Work,
    service: str,
    place: Place,
    name: str,
    template: str,
    *,
    alias_exists: bool,
    create: bool = False,
) -> StackFacts | None:
    """Create a stack, or give it its triggers or take them, and wait for its end. None: nothing to change.

    `template` is a digest; `alias_exists`: with the triggers that name the alias. Raises RolloutFailed.
    """
    stacks, text = work.tools.stacks, _text(work.tools, template)
    wanted = request(service, work.plan.stage, name, text, alias_exists=alias_exists)
    if create:
        stacks.create(place, wanted)
    elif not stacks.update(place, wanted):
        return None
    return stacks.settled(place, name)


def _text(tools: Tools, digest: str) -> str:
    return tools.artifacts.get(digest, kind="template").decode()
