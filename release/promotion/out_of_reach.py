"""What a rollback works with when the ledger is out of reach: what this clone saw last, and the aliases."""

from concurrent.futures import ThreadPoolExecutor

from release.apply.work import Tools
from release.config import load_pipelines, pick_pipeline
from release.core.models import Stage
from release.core.records import Served, StageHead
from release.observe import work_tree_pipelines
from release.ports import LedgerState, RemoteRefs, Repo
from release.promotion.setup import Setup

_IN_FLIGHT = 32


def setup_without_remote(repo: Repo, state: LedgerState, pipeline: str | None) -> Setup:
    """The work tree's pipelines and a ledger that was seen before. Raises Misconfigured.

    They are trusted, because they decide nothing here but which accounts and regions a stage has: no gate
    stands before a rollback, and the role in the account decides who may do it.
    """
    texts = work_tree_pipelines(repo.top)
    pipelines = load_pipelines(texts.files, texts.odd)
    known = (state.commit or "none")[:10]
    return Setup(
        RemoteRefs(head=None, branches={}, tags=repo.local_tags()),
        pipelines,
        pick_pipeline(pipelines, pipeline),
        state,
        (
            f"the ledger is out of reach: this goes by what this clone saw last ({known}), by the work tree's"
            " pipelines/, and by the aliases",
        ),
        offline=True,
    )


def newer_than_known(tools: Tools, setup: Setup, stage: Stage, head: StageHead) -> tuple[str, ...]:
    """A line if aliases serve what the known ledger does not tell of: a later release, or part of it.

    The way back from that is what the known ledger says serves. Their descriptions say what they serve.
    """
    if head.serves is None:
        return ()
    places = {(place.account, place.region): place for place in stage.environment.places}

    def described(was: Served) -> str | None:
        place = places.get((was.account, was.region))
        facts = tools.functions.alias(place, was.function, setup.pipelines.alias) if place else None
        if facts is None or (facts.lambda_version == was.lambda_version and not facts.weights):
            return None
        return facts.description or f"version {facts.serving}"

    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="aliases") as pool:
        recorded = tools.ledger.event(setup.state, head.serves.record).after
        found = [text for text in pool.map(described, recorded) if text]
    if not found:
        return ()
    return (
        f"{len(found)} aliases of {stage.name} serve something newer than what is known of the ledger"
        f" ({found[0]}): this goes back to {head.serves.release.label}, which was known to be good",
    )
