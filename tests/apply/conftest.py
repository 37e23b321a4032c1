"""Says at the end of a run how many schedules of faults were tried, and what really went wrong in them."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """`schedules` comes as a property of each test, which goes through xdist: a mapping of counts."""
    total: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for key, counts in report.user_properties:
            if key == "schedules" and report.when == "call":
                total.update(counts)
    if not total:
        return
    terminalreporter.section("fault injection")
    schedules, runs, wrong = (total.pop(name, 0) for name in ("schedules", "runs", "violations"))
    terminalreporter.line(f"{schedules} schedules of {runs} runs: {wrong} violations")
    ended = {name: total.pop(name) for name in sorted(total) if name.startswith("exit ")}
    terminalreporter.line("how the runs ended: " + _listed(ended))
    terminalreporter.line("what went wrong in them: " + _listed(dict(total.most_common())))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
