"""What cfn-lint and the policies have found, by file and line of the template."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.infra_lint import PlacedFinding

_STYLES = {"error": "red", "warning": "yellow", "info": "dim"}


def lint_text(found: Sequence[PlacedFinding], templates: int) -> Iterator[RenderableType]:
    for one in found:
        yield Text.assemble((f"{one.place}: ", "bold"), (one.rule, _STYLES[one.severity]), f" {one.message}")
        where = f" at {one.path}" if one.path else ""
        yield Text(f"    {one.service} in {', '.join(one.stages)}{where}", style="dim")
        if one.reason is not None:
            yield Text(f"    suppressed: {one.reason}", style="dim")
        elif one.fix is not None:
            yield Text(f"    fix: {one.fix}")
    count = sum(one.says_no for one in found)
    suppressed = sum(one.reason is not None for one in found)
    looked = f"{templates} template{'' if templates == 1 else 's'}"
    without = f", {suppressed} suppressed" if suppressed else ""
    yield Text(f"{looked}, {count} finding{'' if count == 1 else 's'}{without}", style="bold")


def lint_json(found: Sequence[PlacedFinding], templates: int) -> dict[str, Any]:
    return {
        "templates": templates,
        "findings": [
            {
                "service": one.service,
                "stages": list(one.stages),
                "rule": one.rule,
                "severity": one.severity,
                "message": one.message,
                "path": one.path or None,
                "place": one.place,
                "fix": one.fix,
                "suppressed": one.reason,
            }
            for one in found
        ],
    }
