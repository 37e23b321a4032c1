"""Services whose migration is another one than that of what serves, though their code may be the same."""

from collections.abc import Sequence

from release.apply.work import Tools
from release.build.documents import load_manifest
from release.core.manifest import Target
from release.core.records import StageHead
from release.errors import Misconfigured


def renewed(tools: Tools, head: StageHead, stage: str, wanted: Sequence[Target]) -> frozenset[str]:
    """Those with a migration whose settings differ from the release that the stage serves by the ledger.

    What cannot be known counts as new: a migration may run again. Raises Unavailable.
    """
    migrating = [target for target in wanted if target.settings.migration is not None]
    if not migrating:
        return frozenset()
    everything = frozenset(target.service for target in migrating)
    if head.serves is None:
        return everything
    try:
        serving = load_manifest(tools.artifacts, head.serves.release.manifest).services
    except Misconfigured:
        return everything
    known = {name: entry.stages[stage].settings for name, entry in serving.items() if stage in entry.stages}
    return frozenset(
        target.service for target in migrating if known.get(target.service) != target.settings_digest
    )
