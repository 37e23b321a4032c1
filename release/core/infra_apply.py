"""What a template would do to a stack as it is, and whether what CloudFormation says of it agrees. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from release.core.blockers import Blocker
from release.core.infra_diff import (
    RESOURCES,
    CreateOnly,
    Entry,
    Replacement,
    compare_templates,
    may_hold_data,
)
from release.core.infra_expand import MARK, expanded
from release.core.infra_in_force import in_force
from release.core.infra_values import Document, as_template
from release.core.models import Place
from release.core.snapshot import ObservedStack
from release.errors import GateClosed, Misconfigured

MAX_TEMPLATE: Final = 51_200  # bytes that CloudFormation takes in the call itself
# What a stack does not change by: CloudFormation calls an update that has nothing else none.
_IDLE: Final = frozenset({"AWSTemplateFormatVersion", "Conditions", "Description", "Mappings", "Metadata",
                          "Parameters", "Rules"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class StackChange:
    """What becomes of one stack."""

    entries: tuple[Entry, ...]  # what is done
    kept: tuple[str, ...] = ()  # what the template has not any more, and stays for now
    document: "Document | None" = None  # what is sent; None: the template itself
    is_idle: bool = False  # nothing that CloudFormation would call a change

    @property
    def endangered(self) -> tuple[Entry, ...]:
        """Resources with data that would be replaced or removed; "kept" ones too: a new one is empty."""
        return tuple(entry for entry in self.entries if is_endangered(entry))


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What a rollout does to one stack that has another template, and after how many others."""

    change: StackChange
    layer: int
    size: int  # bytes of what is sent


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What CloudFormation says that a change set does to one resource."""

    name: str
    kind: str
    action: Literal["add", "modify", "remove", "other"]
    replacement: Replacement


def stack_change(
    old: "Document | None",
    new: Document,
    create_only: Mapping[str, CreateOnly],
    *,
    parameters: Mapping[str, str],
    place: Place,
    stack: str,
    digest: str,
    contract: bool,
) -> StackChange:
    """From what the stack has to what a release wants. `old` None: there is no stack yet.

    `parameters`: what the stack has; `digest`: of the new template; `contract`: also take away what the new
    template has not any more.
    """
    if old is None:
        entries = compare_templates(None, in_force(as_template(new), parameters, place, stack), create_only)
        return StackChange(entries)
    target = expanded(old, new, parameters, place, stack, digest)
    document = new if contract else target.document
    was, wanted = (in_force(as_template(one), parameters, place, stack) for one in (old, document))
    found = compare_templates(was, wanted, create_only)
    entries = tuple(entry for entry in found if (entry.section, entry.name) != ("Outputs", MARK))
    return StackChange(
        entries,
        () if contract else target.kept,
        document if target.kept and not contract else None,
        is_idle=all(entry.section in _IDLE for entry in found),
    )


def same_effect(
    old: Document, new: Document, *, parameters: Mapping[str, str], place: Place, stack: str
) -> bool:
    """Whether one template after the other is no update to CloudFormation."""
    was, wanted = (in_force(as_template(one), parameters, place, stack) for one in (old, new))
    return all(entry.section in _IDLE for entry in compare_templates(was, wanted, {}))


def is_endangered(entry: Entry) -> bool:
    gone = entry.action == "remove" or entry.replacement != "no"
    return entry.section == RESOURCES and entry.holds_data and gone


def lost(entry: Entry) -> str:
    """What happens to a resource with data, in words."""
    word = "removed" if entry.action == "remove" else "replaced"
    sure = entry.action == "remove" or entry.replacement == "yes"
    causes = ", ".join(change.path for change in entry.changes if change.replacement != "no")
    why = f" by {causes}" if causes and entry.action != "remove" else ""
    left = "the old one stays, with nobody to manage it" if entry.kept else "its data is lost"
    return f"{entry.name} ({entry.kind}) {'is' if sure else 'may be'} {word}{why}: {left}"


def data_at_risk(stack: str, place: Place, entry: Entry, *, fix: str) -> Blocker:
    return Blocker("data-at-risk", f"stack {stack} in {place}: {lost(entry)}", fix)


def too_large(stack: ObservedStack, plan: StackPlan) -> list[Blocker]:
    """Where CloudFormation does not take the template."""
    if plan.size <= MAX_TEMPLATE:
        return []
    return [
        Blocker(
            "template-too-large",
            f"stack {stack.name} in {stack.place}: with what it keeps of the release before it has"
            f" {plan.size:,} bytes, and CloudFormation takes {MAX_TEMPLATE:,}",
            f"take away what is left over: {_apply(stack)} --allow-contract --reason TEXT; or change the"
            " template in two releases",
        )
    ]


def refused_in_rollout(stack: ObservedStack, plan: StackPlan) -> list[Blocker]:
    """Why a rollout may not change a stack as its template says."""
    at_risk = [
        data_at_risk(
            stack.name,
            stack.place,
            entry,
            fix="take that out of the template; where it is meant:"
            f" {_apply(stack)} --next --allow-replacement {entry.name} --reason TEXT",
        )
        for entry in plan.change.endangered
    ]
    return at_risk + too_large(stack, plan)


def _apply(stack: ObservedStack) -> str:
    stage = stack.name.removeprefix(f"{stack.service}-")
    return f"release infra apply {stack.service} {stage}"


def allowed_in(
    service: str, names: Collection[str], services: Mapping[str, Collection[str]]
) -> frozenset[str]:
    """The resources of one service among the names that somebody allows.

    A name is "Table", or "orders/Table" where several of the services have one. `services`: the names of
    resources by service. Raises Misconfigured for what no service has, and for what is not one thing.
    """
    found = set()
    for name in names:
        owner, _, resource = name.rpartition("/")
        having = [one for one in services if resource in services[one] and owner in ("", one)]
        if not having:
            known = sorted(f"{one}/{item}" for one in services for item in services[one])
            raise Misconfigured(
                f"--allow-replacement {name}: no stack of this plan has such a resource",
                fix="leave it out where it is done by now, or name it as the plan does:"
                f" {', '.join(known[:8]) or 'there is none'}",
            )
        if len(having) > 1:
            raise Misconfigured(
                f"--allow-replacement {name}: {', '.join(having)} have one each",
                fix=f"say whose: --allow-replacement {having[0]}/{resource}",
            )
        if having == [service]:
            found.add(resource)
    return frozenset(found)


def refuse_more(
    stack: str,
    place: Place,
    planned: Iterable[Entry],
    found: Sequence[ResourceChange],
    allowed: Collection[str] = (),
) -> None:
    """Raises GateClosed where CloudFormation would remove or replace what the plan does not say.

    "Perhaps" of CloudFormation alone follows from any reference to what changes; it counts for data only:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    foreseen = {entry.name: entry for entry in planned if entry.section == RESOURCES}
    more = []
    for one in found:
        entry = foreseen.get(one.name)
        removed = entry is not None and entry.action == "remove"
        replaced = entry is not None and entry.replacement != "no"
        if one.action == "remove" and not removed:
            more.append(f"{one.name} ({one.kind}) would be removed")
        elif one.action == "other":
            more.append(f"{one.name} ({one.kind}) would be changed in a way that release does not know")
        elif one.action == "modify" and one.replacement == "yes" and not replaced:
            more.append(f"{one.name} ({one.kind}) would be replaced")
        elif (
            one.replacement == "perhaps"
            and may_hold_data(one.kind)
            and not replaced
            and one.name not in allowed
        ):
            more.append(f"{one.name} ({one.kind}) may be replaced")
    if more:
        raise GateClosed(
            f"CloudFormation would do more to stack {stack} in {place} than the plan says: {more[0]}",
            fix=f"read `release infra diff` again; where it is meant, release infra apply takes"
            f" --allow-replacement {more[0].split(' ')[0]}",
            details=more[1:],
        )
