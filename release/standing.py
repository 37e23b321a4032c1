"""Reads where a stage stands: its head in the ledger, and what its aliases serve."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from release.core.models import Stage
from release.core.records import Served
from release.core.snapshot import ObservedFunction
from release.core.standing import OutOfReach, StageStanding, standing
from release.errors import ReleaseError, Unavailable
from release.observe import check_identity_anywhere, observe_function
from release.ports import Functions, Ledger
from release.promotion import Setup

_IN_FLIGHT = 32  # for each region


def read_standing(functions: Functions, ledger: Ledger, setup: Setup, stage: Stage) -> StageStanding:
    """Never raises for AWS: a region that cannot be read is out of reach, with the reason; a whole account,
    because nobody may read it, is `unknown`.
    """
    head = setup.head(stage.name)
    if head.serves is None:
        return StageStanding(head, "nothing", ())
    # What went to some regions only has a record of its own, with what it left in the others.
    record = head.partial.record if head.partial else head.serves.record
    recorded = ledger.event(setup.state, record).after
    regions = tuple(dict.fromkeys(served.region for served in recorded))
    try:
        check_identity_anywhere(functions, stage.environment)
    except Unavailable as error:
        return standing(head, recorded, {}, tuple(_out(region, error) for region in regions))
    except ReleaseError as error:
        return StageStanding(head, "unknown", (), error.cause)

    def read(region: str) -> dict[tuple[str, str, str], ObservedFunction] | OutOfReach:
        there = [served for served in recorded if served.region == region]
        return _read_region(functions, stage, region, there, setup.pipelines.alias)

    # Each region has threads of its own: one that does not answer keeps nobody waiting for the others' words.
    with ThreadPoolExecutor(max(1, len(regions)), thread_name_prefix="regions") as pool:
        found = list(pool.map(read, regions))
    observed = {where: one for part in found if isinstance(part, dict) for where, one in part.items()}
    return standing(head, recorded, observed, tuple(one for one in found if isinstance(one, OutOfReach)))


def _read_region(
    functions: Functions, stage: Stage, region: str, recorded: Sequence[Served], alias: str
) -> dict[tuple[str, str, str], ObservedFunction] | OutOfReach:
    """All of it, or the first reason why not: the rest is not asked any more then."""
    places = {(place.account, place.region): place for place in stage.environment.places}
    failed: list[ReleaseError] = []

    def one(served: Served) -> ObservedFunction | None:
        place = places.get((served.account, served.region))
        if failed:
            return None
        try:
            if place is None:  # the stage has left this region since: nothing of ours is to be there
                raise ReleaseError(
                    f"{stage.name} is configured without {region}, where {served.function} was recorded",
                    fix="promote again to the regions that the stage has now",
                )
            return observe_function(functions, served.service, place, served.function, alias)
        except ReleaseError as error:
            failed.append(error)
            return None

    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix=f"standing-{region}") as pool:
        found = list(pool.map(one, recorded))
    if failed:
        return _out(region, failed[0])
    return {served.where: copy for served, copy in zip(recorded, found, strict=True) if copy is not None}


def _out(region: str, error: ReleaseError) -> OutOfReach:
    return OutOfReach(region, error.cause, unanswered=isinstance(error, Unavailable))
