"""Reads what services that a stage does not have any more have left in its account."""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from release.build.documents import stack_name
from release.core.models import Place, Stage
from release.core.orphans import Orphan, TaggedStack, by_the_ledger, left_by
from release.core.records import Served
from release.core.standing import StageStanding
from release.errors import ReleaseError
from release.observe import service_files
from release.past import ever_served, past_events
from release.ports import Functions, Ledger, Repo
from release.ports.surroundings import Surroundings
from release.promotion import Setup


@dataclass(frozen=True, slots=True)
class Search:
    """Looking for the orphans of one stage. Nothing is written to."""

    functions: Functions
    surroundings: Surroundings
    ledger: Ledger
    setup: Setup
    stage: Stage
    recorded: Sequence[Served]
    here: Collection[str]  # services that the stage has, or whose stacks are called like its own


def search(
    functions: Functions,
    surroundings: Surroundings,
    ledger: Ledger,
    setup: Setup,
    stage: Stage,
    in_main: Collection[str],
) -> Search | None:
    """`in_main`: services of the repository, which may be on their way. None: the stage has run nothing yet,
    or a rollout is under way, whose stacks no record explains yet.
    """
    head = setup.head(stage.name)
    if head.serves is None or head.running is not None:
        return None
    newest = head.partial.record if head.partial else head.serves.record
    recorded = ledger.event(setup.state, newest).after
    here = {one.service for one in recorded} | set(in_main) | _elsewhere(ledger, setup, stage)
    return Search(functions, surroundings, ledger, setup, stage, recorded, here)


def orphans_in(looking: Search, place: Place) -> Sequence[Orphan]:
    """What stacks of a place are left.

    Cost: one call of CloudFormation for each hundred stacks, and one for each whose name is that of a service
    which neither the stage nor the repository has. Raises Misconfigured, Unavailable.
    """
    suspects = _suspects(looking, place)
    if not suspects:
        return ()
    past = _past(looking)
    return [one for stack in suspects if (one := _orphan(looking, place, stack, past)) is not None]


def orphans_by_the_ledger(looking: Search, regions: Collection[str]) -> Sequence[Orphan]:
    """What may be left in regions that were not asked. Raises Misconfigured."""
    past, setup = _past(looking), looking.setup
    events = looking.ledger.events(setup.state, pipeline=setup.pipeline.name, stage=looking.stage.name)
    found = by_the_ledger(looking.stage.name, looking.recorded, past, events, looking.here)
    return [one for one in found if one.region in regions]


def orphans_or_why(looking: Search, regions: Collection[str]) -> tuple[Sequence[Orphan], str | None]:
    """For those who only want to see them: `regions` by their stacks, the others by the ledger alone.

    Where AWS says no it is the ledger's word, too, and the reason.
    """
    places = [place for place in looking.stage.environment.places if place.region in regions]
    found: list[Orphan] = []
    why: str | None = None
    asked: list[str] = []
    with ThreadPoolExecutor(max(1, len(places)), thread_name_prefix="orphans") as pool:
        answers = [(place, pool.submit(orphans_in, looking, place)) for place in places]
    for place, answer in answers:
        try:
            found += answer.result()
        except ReleaseError as error:
            why = why or error.cause
        else:
            asked.append(place.region)
    if others := set(looking.stage.environment.regions) - set(asked):
        found += orphans_by_the_ledger(looking, others)
    return sorted(found, key=lambda one: (one.service, one.region)), why


def with_orphans(
    standings: Sequence[StageStanding], searches: Sequence[Search | None]
) -> list[StageStanding]:
    """Standings of stages with what is left in each. A region that is out is not asked again."""

    def orphans_of(standing: StageStanding, looking: Search | None) -> StageStanding:
        if looking is None:
            return standing
        out = {one.region for one in standing.out}
        all_regions = looking.stage.environment.regions
        regions = () if standing.note else [one for one in all_regions if one not in out]
        found, why = orphans_or_why(looking, regions)
        return replace(standing, orphans=tuple(found), orphans_note=why)

    with ThreadPoolExecutor(max(1, len(searches)), thread_name_prefix="stages") as pool:
        return list(pool.map(orphans_of, standings, searches))


def services_of_main(repo: Repo, setup: Setup) -> frozenset[str]:
    """Names of the services that the remote's default branch has; nothing where there is none."""
    branch = setup.refs.head
    if branch is None or branch not in setup.refs.branches:
        return frozenset()
    commit = setup.refs.branches[branch]
    repo.ensure([commit], refs=[f"refs/heads/{branch}"])
    listing = service_files(repo, commit)
    return frozenset(path.split("/")[1] for path in (*listing.blobs, *listing.odd) if path.count("/") > 0)


def _elsewhere(ledger: Ledger, setup: Setup, stage: Stage) -> set[str]:
    """Services that another pipeline serves in a stage of this name: their stacks are called alike."""
    return {
        served.service
        for (pipeline, name), head in setup.state.heads.items()
        if name == stage.name and pipeline != setup.pipeline.name and head.serves is not None
        for served in ledger.event(setup.state, head.serves.record).after
    }


def _past(looking: Search) -> Sequence[Served]:
    head = looking.setup.head(looking.stage.name)
    return ever_served(past_events(looking.ledger, looking.setup.state, head))


def _suspects(looking: Search, place: Place) -> Sequence[TaggedStack]:
    """Stacks that are called as those of this stage are, of services that nobody has."""
    end = stack_name("", looking.stage.name)
    names = [
        name
        for name in looking.surroundings.stack_names(place)
        if name.endswith(end) and name.removesuffix(end) not in looking.here
    ]
    return [one for name in names if (one := looking.surroundings.tagged_stack(place, name)) is not None]


def _orphan(looking: Search, place: Place, stack: TaggedStack, past: Sequence[Served]) -> Orphan | None:
    """None: its tags say that it is of something else, or nothing says that it is ours."""
    setup, stage = looking.setup, looking.stage.name
    service = stack.name.removesuffix(stack_name("", stage))
    of_it = list(_of(past, service))
    if (stack.service, stack.stage) != (service, stage) and not (of_it and stack.service is None):
        return None
    if not of_it:
        events = looking.ledger.events(setup.state, pipeline=setup.pipeline.name, stage=stage)
        of_it = list(_of(ever_served(events), service))
    there = dict.fromkeys(
        one.function for one in of_it if (one.account, one.region) == (place.account, place.region)
    )
    alias = setup.pipelines.alias
    serving = [name for name in there if looking.functions.alias(place, name, alias) is not None]
    return left_by(
        stack,
        place,
        service=service,
        stage=stage,
        serving=serving,
        on_record=bool(of_it),
    )


def _of(past: Sequence[Served], service: str) -> Iterator[Served]:
    return (one for one in past if one.service == service)
