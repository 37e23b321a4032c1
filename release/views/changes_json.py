"""Which services changed, and why, for programs: without what only a terminal needs."""

from typing import Any

from release.core.changes import Changes


def changes_json(changes: Changes, asked: str | None = None) -> dict[str, Any]:
    """`changed` is what is to be built; `removed` is never part of it. With `asked`, of one service alone."""
    services = [one for one in changes.services if asked is None or one.service == asked]
    different = [one for one in services if one.what]
    same = [*(one.service for one in services if not one.what), *(changes.same if asked is None else ())]
    document: dict[str, Any] = {
        "against": changes.against,
        "changed": [one.service for one in different if "removed" not in one.what],
        "removed": [one.service for one in different if "removed" in one.what],
        "unchanged": sorted(same),
        "services": [{"service": one.service, "what": list(one.what), "why": one.why} for one in different],
        "unknown": changes.unknown or None,
        "notes": list(changes.notes),
    }
    return document if asked is None else document | {"because": list(changes.because)}
