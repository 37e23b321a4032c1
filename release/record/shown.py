"""Which deployments GitHub shows of a stage's promotions, read no further back than it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from release.core.forge.deployments import Found, WantedDeployment, deployment_steps, key_of
from release.core.forge.facts import DeploymentFacts, StatusFacts
from release.core.promotions import Promotion
from release.core.records import moment, stamp
from release.ports import Forge

# GitHub's clock, and that of the machine whose time the ledger has: what was overlooked would be made again.
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Compared:
    """Those that were looked into; what is older is in step."""

    wanted: tuple[WantedDeployment, ...]
    found: Found


def shown(
    forge: Forge,
    promotions: Sequence[Promotion],
    wanted: Sequence[WantedDeployment],
    *,
    now: datetime,
    all_of_them: bool,
) -> Compared:
    """From the newest promotion back to one that reached the whole stage and is in step, or to the oldest.

    Whoever wrote the last status of that one had written everything older before it, and nothing that came
    since has changed what is older: it was not served any more. `all_of_them`: look at each.
    """
    oldest = min(moment(promotions[0].start.at), now) - _CLOCKS_DIFFER
    there = forge.deployments.of(wanted[0].environment, since=stamp(oldest))
    kept: list[WantedDeployment] = []
    found: list[tuple[DeploymentFacts, StatusFacts | None]] = []
    for one in reversed(promotions):
        ours = [want for want in wanted if want.promotion == one.start.id]
        keys = {want.key for want in ours}
        pairs = [(each, forge.deployments.status(each.id)) for each in there if key_of(each) in keys]
        kept, found = [*ours, *kept], [*found, *pairs]
        if not all_of_them and _reached_all(one) and deployment_steps(ours, pairs) == ((), ()):
            break
    return Compared(tuple(kept), found)


def _reached_all(one: Promotion) -> bool:
    start, ended = one.start, one.outcome
    whole = start.services is None and start.regions is None
    return whole and ended is not None and ended.event.outcome == "succeeded"
