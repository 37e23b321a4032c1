"""What auditors open in a spreadsheet."""

import csv
import io

from release.core.promotions import Promotion, Written
from release.core.records import Event, Passed, Seen
from release.views.audit import csv_lines
from tests.fakes.events import event


def rows(start: Event) -> list[dict[str, str]]:
    text = "".join(csv_lines([Promotion((Written(start, "a" * 40),))]))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_says_who_approved_and_what_every_gate_saw() -> None:
    seen = (Seen("stage", "uat"), Seen("since", "2026-11-20T09:00:00Z"))
    gates = (Passed("soak", "24h", seen), Passed("no_lost_commits", "true", ()))

    (row,) = rows(event("started", gates=gates, approvers=("bob", "cyn")))

    assert row["approvers"] == "bob, cyn"
    assert row["gates"].splitlines() == [
        "soak (24h): stage uat, since 2026-11-20T09:00:00Z",
        "no_lost_commits (true)",
    ]


def test_what_older_versions_have_not_recorded_is_left_empty() -> None:
    (row,) = rows(event("started"))

    assert (row["approvers"], row["gates"]) == ("", "")
