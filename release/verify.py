"""Smoke-tests what a stage serves now."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from release.apply.work import Tools
from release.build.documents import load_manifest, load_settings
from release.core import smoke
from release.core.manifest import StageSettings
from release.core.models import Stage
from release.core.records import Served
from release.errors import GateClosed, ReleaseError
from release.observe import check_identity
from release.promotion import Setup


@dataclass(frozen=True, slots=True)
class Check:
    function: str
    region: str
    problem: str | None  # None: passed


def verify_stage(tools: Tools, setup: Setup, stage: Stage) -> tuple[Check, ...]:
    """One check for every function and region that the record of the stage names. Raises
    GateClosed, Misconfigured.
    """
    good = setup.head(stage.name).serves
    if good is None:
        raise GateClosed(
            f"{stage.name} has run nothing with success yet", fix="deploy or promote to it first"
        )
    check_identity(tools.functions, stage.environment)
    recorded = tools.ledger.event(setup.state, good.record).after
    manifest = load_manifest(tools.artifacts, good.release.manifest)
    settings = {
        name: load_settings(tools.artifacts, entry.stages[stage.name].settings)
        for name, entry in manifest.services.items()
        if stage.name in entry.stages
    }
    with ThreadPoolExecutor(32) as pool:
        tested = [served for served in recorded if served.service in settings]
        return tuple(pool.map(lambda one: _check(tools, setup, stage, one, settings[one.service]), tested))


def _check(tools: Tools, setup: Setup, stage: Stage, served: Served, settings: StageSettings) -> Check:
    places = {(place.account, place.region): place for place in stage.environment.places}
    place = places.get((served.account, served.region))
    if place is None:
        return Check(served.function, served.region, f"{stage.name} has left this region since")
    alias = setup.pipelines.alias
    try:
        facts = tools.functions.alias(place, served.function, alias)
        if facts is None:
            return Check(served.function, served.region, f"it has no alias {alias}")
        answer = tools.functions.invoke(
            place, served.function, alias, smoke.payload(settings), timeout=settings.smoke_timeout
        )
    except ReleaseError as error:
        return Check(served.function, served.region, error.cause)
    verdict = smoke.judge(answer, settings, lambda_version=facts.lambda_version)
    return Check(
        served.function, served.region, None if isinstance(verdict, smoke.Passed) else verdict.reason
    )
