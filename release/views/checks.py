"""What the checks of services have found."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from release.core.checks import CHECKS, Checked, CheckResult, Outcome
from release.core.markdown import plain
from release.views.markdown import fenced
from release.views.tables import listed, table

_STYLES: Final[Mapping[Outcome, str]] = {
    "passed": "green",
    "failed": "bold red",
    "unknown": "yellow",
    "absent": "yellow",
    "skipped": "yellow",
}
_WORDS: Final[Mapping[Outcome, str]] = {
    "passed": "ok",
    "failed": "FAILED",
    "unknown": "unknown",
    "absent": "none",
    "skipped": "skipped",
}


def checks_text(checked: Checked) -> Iterator[RenderableType]:
    """One row a service; then everything that is not green, with what the tools have said."""
    yield Text(f"against {checked.against}", style="dim")
    if checked.unknown:
        yield Text(f"all services are checked: {checked.unknown}", style="yellow")
    for one in checked.having("failed"):
        yield Text()
        yield Text(f"{one.service}: {one.check}: {one.why}", style="bold red")
        for line in one.lines:
            yield Text(f"  {line}")
    if checked.results:
        yield Text()
        yield _rows(checked)
    for one in checked.results:
        if one.outcome in ("unknown", "absent"):
            said = f" ({one.lines[-1]})" if one.lines else ""
            yield Text(f"{one.service}: {one.check}: {one.why}{said}", style="yellow")
    for name in checked.left_out:
        yield Text(f"services/{name} is in no commit, and was not looked at: commit it", style="yellow")
    yield Text(summary(checked), style="bold")


def checks_json(checked: Checked) -> dict[str, Any]:
    services: dict[str, dict[str, Any]] = {}
    for one in checked.results:
        services.setdefault(one.service, {})[one.check] = {
            "outcome": one.outcome,
            "why": one.why or None,
            "see": one.see,
            "fix": one.fix or None,
            "lines": list(one.lines),
            "seconds": round(one.seconds, 3),
        }
    return {
        "against": checked.against,
        "unknown": checked.unknown or None,
        "left_out": list(checked.left_out),
        "services": services,
    }


def checks_markdown(checked: Checked) -> str:
    """For the summary of a run."""
    text = f"## Checks\n\n{plain(summary(checked))} (against {plain(checked.against)})\n"
    if checked.unknown:
        text += f"\n> All services are checked: {plain(checked.unknown)}\n"
    if checked.results:
        text += f"\n| service | {' | '.join(CHECKS)} |\n|---|{'---|' * len(CHECKS)}\n"
        for service, row in _by_service(checked).items():
            cells = [_WORDS[row[one].outcome] if one in row else "" for one in CHECKS]
            text += f"| {plain(service)} | {' | '.join(cells)} |\n"
    for one in checked.results:
        if one.outcome in ("failed", "unknown", "absent"):
            text += f"\n**{plain(one.service)}: {one.check}**: {plain(one.why)}\n"
            if one.lines and one.outcome != "absent":
                text += f"\n{fenced(one.lines)}\n"
    return text


def summary(checked: Checked) -> str:
    if not checked.results:
        return "no service has changed"
    counts = {word: len(checked.having(word)) for word in _WORDS}
    words = [f"{counts['passed']} passed"]
    if counts["failed"]:
        words.append(f"{counts['failed']} failed")
    if counts["unknown"]:
        words.append(f"{counts['unknown']} unknown")
    if without := [one.service for one in checked.having("absent") if one.check == "tests"]:
        words.append(f"without tests: {listed(without)}")
    if skipped := sorted({one.check for one in checked.having("skipped")}):
        words.append(f"not looked at: {', '.join(skipped)}")
    return "; ".join(words)


def _rows(checked: Checked) -> RenderableType:
    rows = table("service", *CHECKS, wide="service")
    for service, row in _by_service(checked).items():
        rows.add_row(service, *(_shown(row.get(one)) for one in CHECKS))
    return rows


def _shown(result: CheckResult | None) -> Text:
    if result is None:
        return Text("")
    time = f" {result.seconds:.1f} s" if result.outcome in ("passed", "failed") else ""
    return Text.assemble((_WORDS[result.outcome], _STYLES[result.outcome]), (time, "dim"))


def _by_service(checked: Checked) -> Mapping[str, Mapping[str, CheckResult]]:
    found: dict[str, dict[str, CheckResult]] = {}
    for one in checked.results:
        found.setdefault(one.service, {})[one.check] = one
    return found
