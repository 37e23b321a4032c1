"""What a build made or found again, and what came out when a release was built a second time."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.manifest import ServiceEntry
from release.views.tables import short, table

_STYLES = {"same": "green", "same-content": "green", "differs": "red"}
_WORDS = {"same": "same bytes", "same-content": "same content", "differs": "differs"}


def build_text(
    rows: Sequence[tuple[str, str, ServiceEntry, float]], *, commit: str, manifest: str | None, seconds: float
) -> Iterator[RenderableType]:
    """`rows`: service, outcome, entry, seconds spent on it."""
    yield Text(f"commit {short(commit)}  manifest {short(manifest)}", style="dim")
    shown = table("service", "artifact", "size", "outcome", "time", wide="service")
    for service, outcome, entry, spent in rows:
        style = "green" if outcome == "built" else "dim"
        time = f"{spent:.1f} s" if outcome == "built" else ""
        shown.add_row(service, short(entry.artifact), amount(entry.size), Text(outcome, style=style), time)
    yield shown
    built = sum(outcome == "built" for _, outcome, _, _ in rows)
    yield Text(f"{built} built, {len(rows) - built} reused in {seconds:.1f} s")
    if manifest is None:
        yield Text("some services only: `release build` without names writes the manifest", style="dim")


def build_json(
    rows: Sequence[tuple[str, str, ServiceEntry, float]], installed: Collection[str]
) -> dict[str, dict[str, Any]]:
    """By service. `installed`: services whose dependencies were installed now instead of taken from the
    cache.
    """
    return {
        service: {
            "outcome": outcome,
            **entry_json(entry),
            "cache": {
                "fingerprint": outcome == "reused",
                "dependencies": None if outcome == "reused" else service not in installed,
            },
            "seconds": round(spent, 3),
        }
        for service, outcome, entry, spent in rows
    }


def entry_json(entry: ServiceEntry) -> dict[str, Any]:
    return {
        "artifact": entry.artifact,
        "content": entry.content,
        "fingerprint": entry.fingerprint,
        "size": entry.size,
        "runtime": entry.runtime,
        "architecture": entry.architecture,
        "target": entry.target,
        "sbom": entry.sbom,
        "provenance": entry.provenance,
    }


def checks_text(rows: Sequence[tuple[str, str, str, str]], label: str) -> Iterator[RenderableType]:
    """`rows`: service, outcome, artifact of the release, detail."""
    yield Text(f"{label}, built again", style="dim")
    shown = table("service", "artifact", "outcome", "detail", wide=("service", "detail"))
    for service, outcome, artifact, detail in rows:
        word = Text(_WORDS[outcome], style=_STYLES[outcome])
        shown.add_row(service, short(artifact), word, detail)
    yield shown


def amount(size: int) -> str:
    """Bytes in the unit that people compare in."""
    for unit, one in (("MB", 1e6), ("kB", 1e3)):
        if size >= one / 10:
            return f"{size / one:.1f} {unit}"
    return f"{size} B"
