"""What the templates of a release would do to the stacks of a stage."""

from collections.abc import Iterable, Mapping, Sequence

from release.apply.stacks import Templates, body
from release.apply.work import Tools
from release.core.infra_apply import StackPlan
from release.core.infra_order import layers
from release.core.infra_values import Document
from release.core.manifest import Target
from release.core.models import Place
from release.core.preflight import NEVER_CREATED
from release.core.snapshot import ObservedStack


def stack_plans(
    tools: Tools, wanted: Sequence[Target], stacks: Iterable[ObservedStack]
) -> Mapping[tuple[str, Place], StackPlan]:
    """By service and place; of stacks that have another template than the release, or are not there.

    Reads the templates that are stored, and none of AWS. Raises Misconfigured.
    """
    digests = {target.service: target.template for target in wanted}
    differing = [one for one in stacks if one.stack is None or one.stack.template != digests.get(one.service)]
    templates = Templates(tools)
    found: dict[tuple[str, Place], StackPlan] = {}
    for place in dict.fromkeys(one.place for one in differing):
        here = [one for one in differing if one.place == place and one.service in digests]
        order = _order(templates, here, digests, place)
        for one in here:
            there = one.stack if one.stack and one.stack.status not in NEVER_CREATED else None
            digest = digests[one.service]
            change = templates.change(there, digest, place=place, stack=one.name)
            size = len(body(tools, change, digest).encode()) if change.document is not None else 0
            found[one.service, place] = StackPlan(change, order[one.name], size)
    return found


def _order(
    templates: Templates, stacks: Sequence[ObservedStack], digests: Mapping[str, str], place: Place
) -> Mapping[str, int]:
    before: dict[str, Document] = {
        one.name: templates.deployed(one.stack) for one in stacks if one.stack is not None and one.stack.body
    }
    after = {one.name: templates.stored(digests[one.service], one.name) for one in stacks}
    groups = layers(before, after, region=place.region, account=place.account)
    return {name: number for number, group in enumerate(groups) for name in group}
