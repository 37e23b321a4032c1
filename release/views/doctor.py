"""What `release doctor` has found: a line for what is well, and the way out for what is not."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from release.core.doctor.findings import Finding, exit_code
from release.views.tables import listed

_MARKS: Final = {"ok": ("✓", "green"), "no": ("✗", "bold red"), "unknown": ("?", "bold yellow")}


class Whole(str):
    """A line that no width may fold or cut: who copies a command gets it as it is."""

    __slots__ = ()


def doctor_text(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """Lines; those that are `Whole` are to be printed as they are."""
    for group, members in groupby(findings, key=lambda one: one.check.group):
        yield Text(group, style="bold")
        of_group = list(members)
        for _, found in groupby(of_group, key=lambda one: one.check.id):
            yield from _of_check(list(found))
    yield _sum(findings)


def _of_check(found: Sequence[Finding]) -> Iterator[RenderableType]:
    """What is well shares a line, and what is wrong for the same reason does."""
    well = [one for one in found if one.state == "ok"]
    if well:
        subjects = [one.subject for one in well if one.subject]
        yield _line("ok", found[0].check.id, listed(subjects) if len(subjects) > 1 else _one(well[0]))
    bad = sorted((one for one in found if one.state != "ok"), key=lambda one: (one.state, one.says, one.fix))
    for (state, says, fix), same in groupby(bad, key=lambda one: (one.state, one.says, one.fix)):
        members = list(same)
        named = listed([one.subject for one in members if one.subject])
        yield _line(state, found[0].check.id, f"{named}: {says}" if named else says)
        yield _under("for:", found[0].check.protects)
        yield _under("fix:", fix)
        yield _under("see:", found[0].check.see)


def _one(finding: Finding) -> str:
    return f"{finding.subject}: {finding.says}" if finding.subject else finding.says


def _line(state: str, check: str, says: str) -> RenderableType:
    mark, style = _MARKS[state]
    return Text.assemble("  ", (mark, style), f" {check:<21}", (says, "" if state == "ok" else style))


def _under(label: str, text: str) -> Whole:
    return Whole(f"      {label} {text}")


def _sum(findings: Sequence[Finding]) -> Text:
    counts = {state: sum(one.state == state for one in findings) for state in _MARKS}
    if not exit_code(findings):
        return Text(f"all {counts['ok']} checks are green", style="bold green")
    parts = [f"{counts['no']} to mend"] if counts["no"] else []
    parts += [f"{counts['unknown']} could not be asked"] if counts["unknown"] else []
    return Text(f"{', '.join(parts)}; {counts['ok']} green", style="bold")


def doctor_json(findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "healthy": not exit_code(findings),
        "findings": [
            {
                "check": one.check.id,
                "group": one.check.group,
                "protects": one.check.protects,
                "subject": one.subject or None,
                "state": one.state,
                "says": one.says,
                "fix": one.fix or None,
                "see": one.check.see,
            }
            for one in findings
        ],
    }
