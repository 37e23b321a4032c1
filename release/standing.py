"""Reads where a stage stands: its head in the ledger, and what its aliases serve."""

from concurrent.futures import ThreadPoolExecutor

from release.core.models import Stage
from release.core.records import Served
from release.core.snapshot import ObservedFunction
from release.core.standing import StageStanding, standing
from release.errors import ReleaseError
from release.observe import check_identity, observe_function
from release.ports import Functions, Ledger
from release.promotion import Setup


def read_standing(functions: Functions, ledger: Ledger, setup: Setup, stage: Stage) -> StageStanding:
    """Never raises for AWS: what cannot be read is `unknown`, with the reason."""
    head = setup.head(stage.name)
    if head.serves is None:
        return StageStanding(head, "nothing", ())
    # What went to some regions only has a record of its own, with what it left in the others.
    record = head.partial.record if head.partial else head.serves.record
    recorded = ledger.event(setup.state, record).after
    try:
        check_identity(functions, stage.environment)
        observed = _observe(functions, stage, recorded, setup.pipelines.alias)
    except ReleaseError as error:
        return StageStanding(head, "unknown", (), error.cause)
    return standing(head, recorded, observed)


def _observe(
    functions: Functions, stage: Stage, recorded: tuple[Served, ...], alias: str
) -> dict[tuple[str, str, str], ObservedFunction]:
    places = {(place.account, place.region): place for place in stage.environment.places}

    def one(served: Served) -> ObservedFunction:
        place = places.get((served.account, served.region))
        if place is None:  # the stage has left this region since: nothing of ours is to be there
            raise ReleaseError(
                f"{stage.name} is configured without {served.region}, where {served.function} was recorded",
                fix="promote again to the regions that the stage has now",
            )
        return observe_function(functions, served.service, place, served.function, alias)

    with ThreadPoolExecutor(32) as pool:
        return dict(zip([served.where for served in recorded], pool.map(one, recorded), strict=True))
