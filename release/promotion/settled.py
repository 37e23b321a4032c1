"""What was not to move when a promotion began, and is not to move when somebody goes on with it."""

from collections.abc import Sequence

from release.apply.work import Tools
from release.build.documents import load_manifest
from release.core.manifest import Target
from release.core.models import Place
from release.core.records import StageHead
from release.errors import Misconfigured
from release.ports import LedgerState


def settled(
    tools: Tools, state: LedgerState, head: StageHead, wanted: Sequence[Target], places: Sequence[Place]
) -> frozenset[tuple[tuple[str, str, str], str | None]]:
    """Aliases (account, region, function) with the lambda version that a success on record left there, where
    that release wanted what this one does, and traffic has moved already.

    Whatever of them was to move has moved. Settings that somebody has changed by hand since are drift: a
    version with them would come too late for every wave, and nobody has approved it. Raises Unavailable.
    """
    regions = [place.region for place in places]
    wave = head.running.wave if head.running else None
    if wave is None or wave.region not in regions:
        return frozenset()
    reached = regions[: regions.index(wave.region) + 1]
    found: set[tuple[tuple[str, str, str], str | None]] = set()
    for part in (head.serves, head.partial):
        if part is None:
            continue
        event = tools.ledger.event(state, part.record)
        release = event.release or part.release
        try:
            entries = load_manifest(tools.artifacts, release.manifest).services
        except Misconfigured:  # pruned: what it wanted is not known
            continue
        same = {
            target.service
            for target in wanted
            if (entry := entries.get(target.service)) is not None
            and entry.artifact == target.artifact
            and (now := entry.stages.get(head.stage)) is not None
            and (now.template, now.settings) == (target.template, target.settings_digest)
        }
        found |= {
            (one.where, one.lambda_version)
            for one in event.after
            if one.service in same
            and one.region in reached
            # The rest of its record is what it left alone, of whatever release that was.
            and (event.regions is None or one.region in event.regions)
            and (event.services is None or one.service in event.services)
        }
    return frozenset(found)
