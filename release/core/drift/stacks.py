"""Drift of stacks: another template than the release's, triggers off, resources changed by hand."""

from collections.abc import Iterator
from dataclasses import dataclass

from release.core.drift.findings import Finding
from release.core.models import Place
from release.core.preflight import stands
from release.core.snapshot import ALIAS_EXISTS, StackFacts


@dataclass(frozen=True, slots=True)
class StackCopy:
    """The stack of a service in one place."""

    service: str
    place: Place
    name: str
    stack: StackFacts | None
    template: str  # digest that the release has
    ours: bool  # a build has stored the template that the stack has
    explained: bool  # a rollback, or a failed rollout, has left the stack at another of our templates
    detected: tuple[str, ...] | None = None  # resources that CloudFormation found changed; None: not asked
    # It keeps what its release's template has not any more, by a rollout; and something of it is by a hand.
    by_hand: bool = False


def stack_drift(copy: StackCopy, *, stage: str) -> Iterator[Finding]:
    def finding(what: str, fix: str, *, harmless: bool = False, template: str | None = None) -> Finding:
        return Finding(
            "stack",
            copy.service,
            "",
            copy.place.account,
            copy.place.region,
            f"stack {copy.name}: {what}",
            fix,
            recorded=copy.template if template else None,
            found=template,
            harmless=harmless,
        )

    facts = copy.stack
    again = f"roll the release out to {stage} again"
    if facts is None:
        yield finding("it is gone", f"{again}: it is created anew, unless its resources are still there")
        return
    if not stands(facts.status):
        yield finding(
            f"it is {facts.status}: {facts.status_reason or 'AWS gave no reason'}",
            "see docs/runbook.md, A stack is stuck",
        )
    elif facts.template != copy.template and copy.ours and copy.explained:
        yield finding(
            "it has the template of another release, as after a rollback or `infra apply --next`",
            "nothing is to do: the next promotion brings it on",
            harmless=True,
            template=facts.template,
        )
    elif facts.template != copy.template or copy.by_hand:
        yield finding(
            "somebody has given it another template",
            f"merge what is to stay; release infra apply {copy.service} {stage} --reason TEXT puts back the"
            " release's template",
            template=facts.template,
        )
    if facts.parameters.get(ALIAS_EXISTS) == "false":
        yield finding(f"{ALIAS_EXISTS} is false: its triggers are off", f"{again}: that attaches them")
    for resource in copy.detected or ():
        yield finding(
            f"{resource}, by hand",
            "put it back by hand, or merge it to the template: CloudFormation does not mend what it finds",
        )
