"""Deployments of a stage: one for every promotion and region, with the status that the ledger gives it.

All regions of a stage share its environment, because that is what holds roles and reviewers, and an
environment for every region would be made without either. The region is in the deployment's task
(`deploy:us-east-1`, by which GitHub can filter), in its payload and in its description.

GitHub makes older deployments of an environment inactive by itself, but knows no regions and leaves out
production environments: it is told not to, and every status is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from release.core.forge.facts import DeploymentFacts, DeploymentState, StatusFacts
from release.core.forge.names import on_one_line, run_url
from release.core.promotions import Promotion
from release.core.records import Event

PAYLOAD: Final = "lambda-release/deployment/1"
_FINAL: Final = frozenset({"success", "failure", "error", "inactive"})

Key = tuple[str, str]  # id of the promotion, region
Found = Sequence[tuple[DeploymentFacts, StatusFacts | None]]  # with the newest status of each


@dataclass(frozen=True, slots=True)
class WantedDeployment:
    promotion: str
    region: str
    environment: str
    commit: str
    task: str
    description: str
    payload: Mapping[str, Any]
    production: bool
    status: StatusFacts

    @property
    def key(self) -> Key:
        return self.promotion, self.region


@dataclass(frozen=True, slots=True)
class CreateDeployment:
    wanted: WantedDeployment

    @property
    def text(self) -> str:
        return f"create a deployment: {self.wanted.description}"


@dataclass(frozen=True, slots=True)
class AddStatus:
    key: Key
    what: str  # for people
    status: StatusFacts
    deployment: int | None  # None: the one that a step before creates

    @property
    def text(self) -> str:
        return f"set {self.what} to {self.status.state}: {self.status.description}"


def wanted_deployments(
    promotions: Sequence[Promotion],
    *,
    environment: str,
    regions: Sequence[str],
    production: bool,
    repository: str,
) -> tuple[WantedDeployment, ...]:
    """What GitHub should hold of these promotions of one stage, which are all since the oldest of them.

    `promotions`: oldest first. `regions`: of the stage, for what has recorded none, and for the order.
    `repository`: its address on GitHub, for links.
    """
    found: list[WantedDeployment] = []
    newer: set[str] = set()  # regions that a newer release serves as a whole
    for one in reversed(promotions):
        start, release = one.start, one.release
        for region in _regions(one, regions):
            status = _status(one, region, superseded=region in newer, repository=repository)
            found.append(
                WantedDeployment(
                    promotion=start.id,
                    region=region,
                    environment=environment,
                    commit=release.commit,
                    task=f"deploy:{region}",
                    description=on_one_line(f"{start.verb} {_what(start)} to {environment} in {region}"),
                    payload={
                        "schema": PAYLOAD,
                        "promotion": start.id,
                        "pipeline": start.pipeline,
                        "stage": start.stage,
                        "region": region,
                        "verb": start.verb,
                        "tag": release.tag,
                        "manifest": release.manifest,
                    },
                    production=production,
                    status=status,
                )
            )
            if status.state in ("success", "inactive") and start.services is None:
                newer.add(region)
    return tuple(sorted(found, key=lambda wanted: (wanted.promotion, regions_order(wanted, regions))))


def regions_order(wanted: WantedDeployment, regions: Sequence[str]) -> tuple[int, str]:
    """The primary first; regions that the stage has no more, last."""
    place = regions.index(wanted.region) if wanted.region in regions else len(regions)
    return place, wanted.region


def deployment_steps(
    wanted: Sequence[WantedDeployment], found: Found
) -> tuple[tuple[CreateDeployment, ...], tuple[AddStatus, ...]]:
    """What creates those that are missing, and what gives each its status: oldest promotion first.

    Of two for one promotion and region the older one counts, the other becomes inactive.
    """
    known = _by_key(found)
    create: list[CreateDeployment] = []
    statuses: list[AddStatus] = []
    for one in wanted:
        there = known.get(one.key, ())
        if not there:
            create.append(CreateDeployment(one))
            statuses.append(AddStatus(one.key, one.description, one.status, None))
            continue
        first, status = there[0]
        for extra, its in there[1:]:
            if its is None or its.state != "inactive":
                twice = StatusFacts("inactive", f"recorded twice: deployment {first.id} counts", "")
                statuses.append(AddStatus(one.key, one.description, twice, extra.id))
        if status != one.status:
            statuses.append(AddStatus(one.key, one.description, one.status, first.id))
    return tuple(create), tuple(statuses)


def unfinished(wanted: Sequence[WantedDeployment], found: Found) -> frozenset[str]:
    """Promotions that have ended, and whose end GitHub has not been told of in every region.

    The last status is written last of all, so these are the ones of which anything else may be missing.
    """
    known = _by_key(found)
    return frozenset(
        one.promotion
        for one in wanted
        if one.status.state in _FINAL
        and not any(status is not None and status.state in _FINAL for _, status in known.get(one.key, ()))
    )


def _by_key(found: Found) -> Mapping[Key, Sequence[tuple[DeploymentFacts, StatusFacts | None]]]:
    known: dict[Key, list[tuple[DeploymentFacts, StatusFacts | None]]] = {}
    for deployment, status in sorted(found, key=lambda pair: pair[0].id):
        key = key_of(deployment)
        if key is not None:
            known.setdefault(key, []).append((deployment, status))
    return known


def key_of(deployment: DeploymentFacts) -> Key | None:
    """Which promotion and region a deployment is about. None: it is not of ours."""
    payload = deployment.payload
    promotion, region = payload.get("promotion"), payload.get("region")
    if payload.get("schema") != PAYLOAD or not isinstance(promotion, str) or not isinstance(region, str):
        return None
    return promotion, region


def _what(start: Event) -> str:
    label = start.release.label if start.release else "nothing"
    return f"{', '.join(start.services)} of {label}" if start.services is not None else label


def _regions(one: Promotion, regions: Sequence[str]) -> Sequence[str]:
    recorded = {moved.region for moved in one.functions}
    if one.start.regions is not None:
        return one.start.regions
    return sorted(recorded) or regions


def _status(one: Promotion, region: str, *, superseded: bool, repository: str) -> StatusFacts:
    state, said = _state(one, region, superseded=superseded)
    newest = (one.outcome or one.events[-1]).event
    return StatusFacts(state, on_one_line(said), run_url(repository, newest.run or one.start.run))


def _state(one: Promotion, region: str, *, superseded: bool) -> tuple[DeploymentState, str]:
    ended = one.outcome
    if ended is None:
        if one.superseded_by is not None:
            return "error", f"its process died; ended by {one.superseded_by}"
        return "in_progress", _under_way(one, region)
    event = ended.event
    why = event.failure or "no reason is recorded"
    match event.outcome:
        case "succeeded" if superseded:
            return "inactive", f"served from {event.at} on; a newer release has taken its place"
        case "succeeded":
            return "success", f"serves since {event.at}, by {event.actor}"
        case "failed" | "aborted":
            return "failure", f"went back: {why}"
        case "stranded":
            return "error", f"stranded, a person must look: {why}"
        case "errored" | None:
            return "error", f"nothing has changed: {why}"
        case _:  # pragma: no cover - the type checker proves that no outcome is missing
            assert_never(event.outcome)


def _under_way(one: Promotion, region: str) -> str:
    waves = [wave for wave in one.waves if wave.region == region]
    newest = one.events[-1].event
    where = f"{waves[-1].percent} % of traffic since {waves[-1].since}" if waves else "no traffic yet"
    if newest.kind == "paused":
        return f"{where}; waits: {newest.failure or 'it bakes'}"
    return where
