"""The policy pack: rules that every template of every service keeps, or says why not. Pure.

docs/policies.md has the table; a rule is a `Policy` in the module of its subject.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from release.core.infra_values import Template
from release.core.policies import (
    apis,
    data,
    encryption,
    exposure,
    functions,
    logs,
    names,
    permissions,
    suppression,
    triggers,
)
from release.core.policies.evaluation import evaluated
from release.core.policies.policy import Breach, Policy

# These are about suppressions themselves, and nothing suppresses them.
ABOUT_SUPPRESSIONS: Final = (*suppression.POLICIES, suppression.UNKNOWN, suppression.UNUSED)
POLICIES: Final = (
    *encryption.POLICIES,
    *exposure.POLICIES,
    *data.POLICIES,
    *names.POLICIES,
    *logs.POLICIES,
    *permissions.POLICIES,
    *functions.POLICIES,
    *triggers.POLICIES,
    *apis.POLICIES,
)
BY_ID: Final[Mapping[str, Policy]] = {one.id: one for one in (*ABOUT_SUPPRESSIONS, *POLICIES)}


@dataclass(frozen=True, slots=True)
class Verdict:
    policy: Policy
    breach: Breach
    reason: str | None = None  # why the template does without the rule here


def judge(template: Template) -> Sequence[Verdict]:
    """What the pack says no to, and what of it the template suppresses with a reason."""
    wanted = list(suppression.suppressions(template))
    worked_out = evaluated(template)
    used: list[suppression.Suppression] = []
    found: list[Verdict] = []
    for policy in POLICIES:
        for breach in dict.fromkeys(policy.check(worked_out)):
            covering = [one for one in wanted if one.covers(policy.id, breach)]
            used += covering
            found.append(Verdict(policy, breach, covering[0].reason if covering else None))
    for policy in suppression.POLICIES:
        found += [Verdict(policy, breach) for breach in policy.check(template)]
    known = {policy.id for policy in POLICIES}
    found += [Verdict(*one) for one in suppression.needless(template, known, used)]
    return found
