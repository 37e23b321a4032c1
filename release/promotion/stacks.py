"""What the templates of a release would do to the stacks of a stage."""

from collections.abc import Iterable, Mapping, Sequence

from release.apply.stacks import Templates, body
from release.apply.work import Tools
from release.core import canonical
from release.core.infra_apply import StackPlan
from release.core.infra_order import layers
from release.core.infra_values import Document
from release.core.models import Place
from release.core.preflight import NEVER_CREATED
from release.core.snapshot import ObservedStack


def stack_plans(
    tools: Tools,
    wanted: Mapping[tuple[str, Place], str],
    stacks: Iterable[ObservedStack],
    *,
    contract: bool = False,
) -> Mapping[tuple[str, Place], StackPlan]:
    """By service and place; of stacks that have another template than is wanted, or are not there.

    `wanted`: digests of templates. `contract`: what a stack has beside its release's template goes. Reads the
    templates that are stored, and asks nothing of AWS. Raises Misconfigured.
    """
    differing = [one for one in stacks if _differs(one, wanted.get((one.service, one.place)))]
    templates = Templates(tools)
    found: dict[tuple[str, Place], StackPlan] = {}
    for place in dict.fromkeys(one.place for one in differing):
        here = [one for one in differing if one.place == place]
        order = _order(templates, here, wanted)
        for one in here:
            there = one.stack if one.stack and one.stack.status not in NEVER_CREATED else None
            digest = wanted[one.service, place]
            change = templates.change(there, digest, place=place, stack=one.name, contract=contract)
            size = len(body(tools, change, digest).encode()) if change.document is not None else 0
            found[one.service, place] = StackPlan(change, order[one.name], size)
    return found


def _differs(stack: ObservedStack, digest: str | None) -> bool:
    """Also where the stack has beside the release's template what an earlier one had."""
    if digest is None:
        return False
    return stack.stack is None or canonical.sha256(stack.stack.body.encode()) != digest


def _order(
    templates: Templates, stacks: Sequence[ObservedStack], wanted: Mapping[tuple[str, Place], str]
) -> Mapping[str, int]:
    before: dict[str, Document] = {
        one.name: templates.deployed(one.stack) for one in stacks if one.stack is not None and one.stack.body
    }
    after = {one.name: templates.stored(wanted[one.service, one.place], one.name) for one in stacks}
    (place,) = {one.place for one in stacks}
    groups = layers(before, after, region=place.region, account=place.account)
    return {name: number for number, group in enumerate(groups) for name in group}
