"""An event of the ledger, of which a test says what it is about."""

from typing import Any

from release.core.records import Event, Kind, ReleaseRef


def event(kind: Kind, **more: Any) -> Event:
    """By default of a promotion of v1.0.0 to prod, in a run of ada's."""
    known: dict[str, Any] = {
        "id": "20261121T095001Z-fleet-prod-00000001",
        "at": "2026-11-21T09:50:01Z",
        "pipeline": "fleet",
        "stage": "prod",
        "verb": "promote",
        "release": ReleaseRef("c" * 40, "m" * 64, "v1.0.0", "f" * 40),
        "actor": "ada",
        "run": "77.2",
        "tool": "lambda-release 0.1.0",
        "fence": 1,
    }
    return Event(kind=kind, **(known | more))
