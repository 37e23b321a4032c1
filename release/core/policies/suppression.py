"""How a template does without a rule: it says which, and why, and lint shows both.

`Metadata: {release: {suppress: {R0304: why}}}` of a resource is for that resource; of the template, for all
of it, or with `R0304 NAME` for one resource, where a macro has built that.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from release.core.infra_values import Template, Value, mapping
from release.core.policies.policy import Breach, Path, Policy, resources, said

SHORTEST_REASON: Final = 10  # characters: "todo" is none


@dataclass(frozen=True, slots=True)
class Suppression:
    rule: str
    resource: str | None  # None: the whole template
    reason: str
    path: Path

    @property
    def has_reason(self) -> bool:
        return len(self.reason.strip()) >= SHORTEST_REASON

    def covers(self, rule: str, breach: Breach) -> bool:
        where = breach.path[1] if breach.path[:1] == ("Resources",) and len(breach.path) > 1 else None
        return self.has_reason and self.rule == rule and self.resource in (None, where)


def suppressions(template: Template) -> Iterator[Suppression]:
    path: Path = ("Metadata", "release", "suppress")
    for key, reason in _said(template).items():
        rule, _, name = key.partition(" ")
        yield Suppression(rule, name.strip() or None, said(reason), (*path, key))
    for resource in resources(template):
        for rule, reason in _said(resource.body).items():
            yield Suppression(rule, resource.name, said(reason), (*resource.path, *path, rule))


def _said(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return mapping(mapping(mapping(body.get("Metadata")).get("release")).get("suppress"))


def _without_reason(template: Template) -> Iterator[Breach]:
    for one in suppressions(template):
        if not one.has_reason:
            yield Breach(one.path, f"{one.rule} is suppressed without a reason")


def _by_cfn_lint(template: Template) -> Iterator[Breach]:
    bodies: list[tuple[Path, Mapping[str, Value]]] = [((), template)]
    bodies += [(one.path, one.body) for one in resources(template)]
    for path, body in bodies:
        config = mapping(mapping(mapping(body.get("Metadata")).get("cfn-lint")).get("config"))
        ignored = said(config.get("ignore_checks")).split()
        if found := [one for one in ignored if one.startswith("R")]:
            where: Path = (*path, "Metadata", "cfn-lint", "config", "ignore_checks")
            yield Breach(where, f"{', '.join(found)} cannot be ignored without a reason")


POLICIES: Final = (
    Policy(
        "R0001",
        "A suppression has a reason",
        f"write why, in {SHORTEST_REASON} characters or more: suppress: {{R0304: …}}",
        _without_reason,
    ),
    Policy(
        "R0002",
        "Policies are suppressed with a reason alone",
        "write Metadata: {release: {suppress: {RULE: why}}} instead of ignore_checks",
        _by_cfn_lint,
    ),
)
UNKNOWN: Final = Policy(
    "R0003",
    "A suppression names a rule that there is",
    "correct the rule's id; docs/policies.md has them all",
    lambda template: (),
)
UNUSED: Final = Policy(
    "R0004",
    "A suppression is needed",
    "take it out: the rule says no to nothing that it covers",
    lambda template: (),
)


def needless(
    template: Template, known: Collection[str], used: Collection[Suppression]
) -> Sequence[tuple[Policy, Breach]]:
    """What suppressions say that no rule needs."""
    found: list[tuple[Policy, Breach]] = []
    for one in suppressions(template):
        if one.rule not in known:
            found.append((UNKNOWN, Breach(one.path, f"there is no rule {one.rule}")))
        elif one.has_reason and one not in used:
            found.append((UNUSED, Breach(one.path, f"{one.rule} says no to nothing here")))
    return found
