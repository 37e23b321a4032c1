"""Promotions of a stage in two regions, as the ledger tells them, and GitHub as a list that takes steps."""

from dataclasses import replace
from typing import Any

from release.core.forge.deployments import (
    AddStatus,
    CreateDeployment,
    WantedDeployment,
    deployment_steps,
    wanted_deployments,
)
from release.core.forge.facts import DeploymentFacts, StatusFacts
from release.core.promotions import Promotion, Written, promotions
from release.core.records import Event, ReleaseRef, Served, Wave

HERE = "https://github.com/acme/fleet"
REGIONS = ("us-east-1", "us-west-2")


def release_ref(number: int) -> ReleaseRef:
    return ReleaseRef(f"{number:040x}", f"{number:064x}", f"v1.{number}.0", f"{number + 1000:040x}")


def promoted(
    number: int,
    outcome: str | None = "succeeded",
    *,
    verb: str = "promote",
    regions: tuple[str, ...] | None = None,
    services: tuple[str, ...] | None = None,
    wave: Wave | None = None,
    run: str | None = "77.2",
    **ended: Any,
) -> Promotion:
    """The promotion that began at this minute, of the release of this number. None: it is under way."""
    id = f"20261121T12{number:02d}00Z-fleet-prod-{number:08x}"
    at = f"2026-11-21T12:{number:02d}"
    common: dict[str, Any] = {
        "id": id, "pipeline": "fleet", "stage": "prod", "verb": verb, "release": release_ref(number),
        "actor": "ada", "tool": "lambda-release 0.1.0", "fence": number, "regions": regions,
        "services": services, "run": run,
    }  # fmt: skip
    before = tuple(
        Served("orders", "orders-prod", "4" * 12, region, "1", "b" * 64) for region in regions or REGIONS
    )
    events = [Event(kind="started", at=f"{at}:00Z", before=before, **common)]
    if wave is not None:
        events.append(Event(kind="shifted", at=f"{at}:10Z", wave=wave, **common))
    if outcome is not None:
        after = tuple(replace(one, lambda_version="2") for one in before) if outcome == "succeeded" else ()
        events.append(
            Event(kind="outcome", at=f"{at}:30Z", outcome=outcome, after=after, **(common | ended))  # type: ignore[arg-type]
        )
    (found,) = promotions((Written(event, "d" * 40), None) for event in events)
    return found


def wanted_of(*found: Promotion) -> tuple[WantedDeployment, ...]:
    return wanted_deployments(found, environment="prod", regions=REGIONS, production=True, repository=HERE)


def states(*found: Promotion) -> list[tuple[str, str, str]]:
    """(release, region, state), oldest first."""
    return [(one.payload["tag"], one.region, one.status.state) for one in wanted_of(*found)]


class Shown:
    """Deployments as GitHub has them; every step is counted, and may be the last one."""

    def __init__(self) -> None:
        self.all: list[tuple[DeploymentFacts, StatusFacts | None]] = []
        self.writes = 0

    def bring_in_step(self, *found: Promotion, until: int | None = None) -> None:
        """Carry out what is missing; `until`: only so many steps."""
        create, statuses = deployment_steps(wanted_of(*found), self.all)
        made: dict[tuple[str, str], int] = {}
        for step in [*create, *statuses][:until]:
            self.writes += 1
            if isinstance(step, CreateDeployment):
                made[step.wanted.key] = self.create(step.wanted)
            else:
                self._add(step, made)

    def create(self, wanted: WantedDeployment) -> int:
        number = 100 + len(self.all)
        facts = DeploymentFacts(
            number, wanted.environment, wanted.commit, "2026-11-21T12:00:00Z", wanted.payload
        )
        self.all.insert(0, (facts, None))
        return number

    def _add(self, step: AddStatus, made: dict[tuple[str, str], int]) -> None:
        number = step.deployment if step.deployment is not None else made[step.key]
        self.all = [(one, step.status if one.id == number else status) for one, status in self.all]

    def states(self) -> list[tuple[str, str, str]]:
        return sorted(
            (one.payload["tag"], one.payload["region"], status.state if status else "none")
            for one, status in self.all
        )
