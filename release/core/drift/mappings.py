"""Drift of event sources: what feeds a function past its alias."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from release.core.drift.findings import Finding, of_function
from release.core.records import Served


@dataclass(frozen=True, slots=True)
class MappingFacts:
    """An event source mapping: what feeds a function with records of a queue or a stream."""

    uuid: str
    function: str  # its name
    qualifier: str | None  # alias or lambda version; None: the bare name, which runs `$LATEST`
    source: str  # ARN


def mapping_drift(
    mappings: Sequence[MappingFacts], recorded: Sequence[Served], *, alias: str
) -> Iterator[Finding]:
    """Event sources of one region that feed something else than the alias."""
    ours = {served.function: served for served in recorded}
    for one in mappings:
        served = ours.get(one.function)
        if served is None or one.qualifier == alias:
            continue
        runs = f"version {one.qualifier}" if one.qualifier else "$LATEST"
        yield of_function(
            served,
            "event source",
            f"{one.source.rsplit(':', 1)[-1]} feeds {runs} instead of {alias}: no rollout moves that",
            f"aws lambda update-event-source-mapping --uuid {one.uuid}"
            f" --function-name {served.function}:{alias} --region {served.region}",
        )
