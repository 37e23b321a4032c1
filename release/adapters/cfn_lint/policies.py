"""The policy pack as rules of cfn-lint, run over one template. Imports cfn-lint, which takes a second."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from cfnlint.decode.decode import decode_str  # type: ignore[import-untyped]
from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped]
from cfnlint.template import Template as CfnTemplate  # type: ignore[import-untyped]

from release.core.infra_values import Template, Value
from release.core.policies import BY_ID, Verdict, judge
from release.core.policies.policy import Policy

_PAGE: Final = "docs/policies.md"


class PolicyRule(CloudFormationLintRule):  # type: ignore[misc]  # cfn-lint has no types
    """One policy, with what it says of one template: the whole pack is judged at once, for suppressions."""

    severity = "error"  # cfn-lint takes it from the first letter of the id

    def __init__(self, policy: Policy, verdicts: Sequence[Verdict]) -> None:
        super().__init__()
        self.id = policy.id
        self.shortdesc = policy.title
        self.description = policy.fix
        self.source_url = f"{_PAGE}#{policy.id.lower()}"
        self.tags = ["policy"]
        self._verdicts = verdicts

    def match(self, cfn: Any) -> list[Any]:
        return [
            RuleMatch(list(one.breach.path), one.breach.message, reason=one.reason) for one in self._verdicts
        ]


def policy_matches(text: str, regions: list[str]) -> Iterator[tuple[Any, Policy, str | None]]:
    """Matches of cfn-lint for what the pack finds, with the rule, and with why the template does without it.

    cfn-lint's own `ignore_checks` has no say here: a policy is suppressed with a reason alone. Nothing for a
    text that cfn-lint cannot read, which it says itself.
    """
    read, errors = decode_str(text)
    if errors or not isinstance(read, dict):
        return
    verdicts = judge(_texts(read))
    cfn = CfnTemplate("", read, regions)
    for policy in BY_ID.values():
        own = [one for one in verdicts if one.policy is policy]
        for match, verdict in zip(PolicyRule(policy, own).matchall("", cfn), own, strict=True):
            yield match, policy, verdict.reason


def _texts(read: Any) -> Template:
    found: Template = {str(key): _plain(value) for key, value in read.items()}
    return found


def _plain(value: Any) -> Value:
    """As `release.core.infra_values` has it: every scalar a text, Fn::GetAtt as "A.B"."""
    match value:
        case dict():
            plain = {str(key): _plain(one) for key, one in value.items()}
            attribute = plain.get("Fn::GetAtt")
            if isinstance(attribute, list):
                plain["Fn::GetAtt"] = ".".join(map(str, attribute))
            return plain
        case list() | tuple():
            return [_plain(one) for one in value]
        case bool():
            return str(value).lower()
        case None:
            return ""
        case _:
            return str(value)
