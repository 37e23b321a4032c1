"""What auditors open in a spreadsheet."""

import csv
import io

from release.core.promotions import Promotion, Written
from release.core.records import Event, Passed, ReleaseRef, Seen
from release.views.audit import csv_lines


def rows(start: Event) -> list[dict[str, str]]:
    text = "".join(csv_lines([Promotion((Written(start, "a" * 40),))]))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def started(**more: object) -> Event:
    return Event(
        kind="started",
        id="20261121T095001Z-fleet-prod-00000001",
        at="2026-11-21T09:50:01Z",
        pipeline="fleet",
        stage="prod",
        verb="promote",
        release=ReleaseRef("c" * 40, "m" * 64, "v1.0.0", "f" * 40),
        actor="ada",
        run="77.2",
        tool="lambda-release 0.1.0",
        fence=1,
        **more,  # type: ignore[arg-type]
    )


def test_a_row_says_who_approved_and_what_every_gate_saw() -> None:
    seen = (Seen("stage", "uat"), Seen("since", "2026-11-20T09:00:00Z"))
    gates = (Passed("soak", "24h", seen), Passed("no_lost_commits", "true", ()))

    (row,) = rows(started(gates=gates, approvers=("bob", "cyn")))

    assert row["approvers"] == "bob, cyn"
    assert row["gates"].splitlines() == [
        "soak (24h): stage uat, since 2026-11-20T09:00:00Z",
        "no_lost_commits (true)",
    ]


def test_what_older_versions_have_not_recorded_is_left_empty() -> None:
    (row,) = rows(started())

    assert (row["approvers"], row["gates"]) == ("", "")
