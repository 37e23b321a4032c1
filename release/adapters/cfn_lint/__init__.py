"""cfn-lint as a library, with our policies as rules of it. From the extra `infra`: imported when it is used,
which takes a second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from release.core.infra_lint import Finding
from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.core.infra_lint import Severity

_SEVERITIES: Final[dict[str, "Severity"]] = {"error": "error", "warning": "warning"}


class CfnLint:
    """Implements release.infra.lint.Linter. What it finds in one text it remembers."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, tuple[str, ...]], tuple[Finding, ...]] = {}

    def __call__(self, text: str, regions: Sequence[str]) -> Sequence[Finding]:
        """Raises Misconfigured where cfn-lint is not installed."""
        key = text, tuple(regions)
        if key not in self._found:
            matches = _matches(text, list(regions))
            self._found[key] = (*map(_finding, matches), *_policies(text, list(regions)))
        return self._found[key]


def _matches(text: str, regions: list[str]) -> Sequence[Any]:
    try:
        from cfnlint.api import lint  # type: ignore[import-untyped]
        from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
    except ImportError as error:
        raise Misconfigured(
            "cfn-lint is not installed beside release",
            fix="install the extra: python -m pip install 'lambda-release[infra]'",
        ) from error
    # A `.cfnlintrc` of the folder would decide otherwise from one machine to the next; what a template may
    # do without, it says in its own Metadata.
    found: list[Any] = lint(text, config=ManualArgs(regions=regions))
    return found


def _policies(text: str, regions: list[str]) -> Iterator[Finding]:
    from release.adapters.cfn_lint.policies import policy_matches

    for match, policy, reason in policy_matches(text, regions):
        yield replace(_finding(match), fix=policy.fix, reason=None if reason is None else _words(reason))


def _finding(match: Any) -> Finding:
    path = _words("/".join(str(part) for part in getattr(match, "path", None) or ()))
    severity: Severity | Literal["info"] = _SEVERITIES.get(match.rule.severity, "info")
    return Finding(match.rule.id, severity, _words(match.message), match.linenumber, path)


def _words(text: str) -> str:
    """On one line. cfn-lint repeats words of the template, which may hold anything."""
    return "".join(one if one.isprintable() else " " for one in " ".join(text.split()))
