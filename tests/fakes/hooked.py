"""The fleet of `world`, with services that have migrations, and a stage that is verified."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from release.apply import Applied
from release.core.manifest import StageSettings
from release.core.models import Migration, Pipelines, Place, Rollout, Verification
from release.core.snapshot import Invocation
from release.promotion import Draft
from tests.fakes.world import EAST, WEST, World

UP = b'{"up":"head"}'


@dataclass(frozen=True)
class Asked:
    """An invocation that was no smoke test."""

    region: str
    function: str
    lambda_version: str


class HookedWorld(World):
    """`prices` has the functions `api` and `migrate`; `configs` has `api`. Migrations and frozen services are
    of what is built from then on.
    """

    def __init__(
        self, rollouts: Mapping[str, Rollout] | None = None, regions: tuple[str, ...] = (EAST, WEST)
    ) -> None:
        super().__init__(regions, {"configs": ("api",), "prices": ("api", "migrate")}, rollouts)
        self.migrations: dict[str, Migration] = {}
        self.frozen: set[str] = set()
        self.migrated: list[Asked] = []
        self.answers: list[bytes | Exception] = []  # of the next migrations; without one they succeed
        self.approved: str | None = None

    def verified_by(self, *commands: str) -> "HookedWorld":
        verify = tuple(Verification(tuple(command.split())) for command in commands)
        self.stage = replace(self.stage, verify=verify)
        fleet = replace(self.pipelines.pipelines["fleet"], stages=(self.stage,))
        self.pipelines = Pipelines(
            self.pipelines.environments, self.pipelines.artifacts, self.pipelines.alias, {"fleet": fleet}
        )
        return self

    def settings(self, service: str) -> StageSettings:
        return replace(
            super().settings(service),
            migration=self.migrations.get(service),
            freezes=service in self.frozen,
        )

    def draft(self, tag: str, **asked: Any) -> Draft:
        return super().draft(tag, approved_destructive=self.approved, **asked)

    def notes(self, applied: Applied) -> tuple[str, ...]:
        """As the ledger has them."""
        return self.ledger.event(self.ledger.read(), applied.event.path).notes

    def _answer(self, place: Place, name: str, version: str, payload: bytes) -> Invocation:
        if payload != UP:
            return super()._answer(place, name, version, payload)
        self.migrated.append(Asked(place.region, name, version))
        answer = self.answers.pop(0) if self.answers else b'{"statusCode": 200}'
        if isinstance(answer, Exception):
            raise answer
        return Invocation(200, None, version, answer)
