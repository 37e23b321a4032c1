"""A repository whose promotions a forge should show: four stages, prod in two regions, files in a folder."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.github import GitHubForge
from release.adapters.github.credentials import find_token, home_of
from release.adapters.ledger import GitLedger
from release.core.manifest import Manifest
from release.core.records import Event, Holder, Served
from release.promotion import Setup, read_setup
from release.record import Desk, bring_in_step, plan_stage
from release.sandbox.session import Sandbox
from tests.cli.audit_worlds import TOOL, Audited
from tests.cli.worlds import ENVIRONMENTS, FILES, FLEET, FOLDER, Fleet

REGIONS = ("us-east-1", "us-west-2")
# A sandbox of their own: beside the others of tests/cli, where there are two workers.
FORGED = pytest.mark.xdist_group("the forge of tests/cli")
PROD = """\
  - {name: prod, channel: gold, after: uat, rollout: all-at-once}
"""
ENVIRONMENT = """\
  prod: {account: "444444444444", regions: [us-east-1, us-west-2]}
"""
FILES_NAMED = ["audit.json", "manifest.json", "provenance.intoto.jsonl", "sboms.zip"]
_numbers = itertools.count(1)


class Recorded(Audited):
    """Its forge has the repository `name`; `environ` is what a person's shell says."""

    name: str
    sandbox: Sandbox

    @classmethod
    def begun(cls, folder: Path, pipeline: str = FLEET + PROD) -> Self:
        """Two commits, of which the first names a pull request; nothing was promoted yet."""
        environments = ENVIRONMENTS.replace("ARTIFACTS", FOLDER) + ENVIRONMENT
        files = {"pipelines/environments.yaml": environments, "pipelines/fleet.yaml": pipeline}
        return cls(Fleet.with_files(folder, FILES | files))

    @classmethod
    def whole(cls, folder: Path, pipeline: str = FLEET + PROD) -> Self:
        """A release that has gone through all stages, after one that failed in prod."""
        world = cls.begun(folder, pipeline)
        commit = world.merge("feat: prices (#12)")
        manifest = world.built(commit)
        world.promoted("dev", commit, manifest, "0950", source="main")
        world.promoted("qa", commit, manifest, "0955", tag="v1.0.0-qa.1", source="dev", reason="please test")
        world.decided("accept", "qa", "1000", reason="tested by hand")
        world.promoted("uat", commit, manifest, "1005", tag="v1.0.0-rc.1", source="v1.0.0-qa.1")
        world.to_prod(commit, manifest, "1010", "v1.0.0", outcome="failed")
        world.to_prod(commit, manifest, "1020", "v1.0.0", reason="change request 4711")
        return world

    def at(self, sandbox: Sandbox) -> Self:
        """Put it on the forge, under a name that no other has."""
        self.sandbox = sandbox
        self.name = sandbox.forge.add_repository(f"acme/fleet-{next(_numbers)}", self.fleet.remote)
        return self

    def copy(self, folder: Path) -> Self:
        return type(self)(self.fleet.copied(folder))

    # -- what happens

    def merge(self, subject: str, number: int = 1) -> str:
        commit = self.fleet.commit(subject, {"services/orders/orders/data.txt": f"{subject} {number}"})
        self.fleet.push()
        return commit

    def built(self, commit: str) -> str:
        manifest = Manifest.from_json(self._json(super().built(commit)))
        statement = self.store.put(f'{{"of":"{commit}"}}\n'.encode(), kind="provenance")
        services = {name: replace(entry, provenance=statement) for name, entry in manifest.services.items()}
        return self.store.put(Manifest("fleet", commit, TOOL, services).to_bytes(), kind="manifest")

    def to_prod(self, commit: str, manifest: str, time: str, tag: str, **more: Any) -> None:
        said = {"source": f"{tag}-rc.1", "run": "77.1", "regions": REGIONS} | more
        self.promoted("prod", commit, manifest, time, tag=tag, **said)

    def bakes(self, time: str = "1100") -> None:
        """A promotion to prod that has begun and not ended."""
        self._again(time, verb="promote")

    def rolled_back(self, time: str, commit: str) -> None:
        """Prod is back at the good release of this commit."""
        self._again(time, verb="rollback", commit=commit)

    def _again(self, time: str, *, verb: Any, commit: str | None = None) -> None:
        ledger = GitLedger(GitRepo.open(self.fleet.clone), SystemClock())
        state = ledger.read()
        head = state.head("fleet", "prod")
        (good,) = [one for one in head.history if one.release.commit == commit] or [head.history[-1]]
        at = f"2026-11-21T{time[:2]}:{time[2:]}:00Z"
        served = tuple(
            Served("orders", "orders-prod", "444444444444", region, "1", "b" * 64) for region in REGIONS
        )
        common: dict[str, Any] = {
            "id": f"20261121T{time}00Z-fleet-prod-0000{time}", "at": at, "pipeline": "fleet", "stage": "prod",
            "verb": verb, "release": good.release, "actor": "ana", "tool": TOOL, "fence": head.fence + 1,
            "reason": "a test", "run": "78.1",
        }  # fmt: skip
        holder = Holder("elsewhere/boot", 4711, "1")
        started = Event(
            kind="started", holder=holder, next_by="2026-11-21T23:00:00Z", before=served, **common
        )
        state = ledger.append(state, started)
        if commit is not None:
            ledger.append(state, Event(kind="outcome", outcome="succeeded", after=served, **common))

    # -- what people see

    @property
    def environ(self) -> Mapping[str, str]:
        return self.sandbox.forge.environment(self.name, login="ana")

    def shown(self) -> dict[str, Any]:
        return self.sandbox.forge.state(self.name)

    def deployments(self) -> list[tuple[str, str, str]]:
        """(promotion, region, state), in the order in which they were created."""
        return [
            (one["payload"]["promotion"], one["payload"]["region"], one["statuses"][-1]["state"])
            for one in self.shown()["deployments"]
        ]

    def releases(self) -> list[tuple[str, bool, list[str]]]:
        """(tag, whether it is a draft, names of its whole files)."""
        return sorted(
            (
                one["tag"],
                one["draft"],
                sorted(asset["name"] for asset in one["assets"] if asset["state"] == "uploaded"),
            )
            for one in self.shown()["releases"]
        )

    def comments(self, pull: int) -> list[str]:
        (found,) = [one for one in self.shown()["pulls"] if one["number"] == pull]
        return [comment["body"] for comment in found["comments"]]

    # -- what records

    def record(
        self,
        stages: Sequence[str] = ("prod",),
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Any = None,
        setup: Setup | None = None,
    ) -> int:
        """As the verb does it, in this process; returns how many steps were done.

        `setup`: of a repository that has not changed since it was read.
        """
        repo, clock = GitRepo.open(self.fleet.clone), clock or SystemClock()
        ledger = GitLedger(repo, clock)
        home = home_of(self.environ, None)
        forge = GitHubForge(home, find_token(self.environ, home.api), clock, transport=transport)
        setup = setup or self.setup()
        desk = Desk(repo, ledger, lambda pipelines: self.store, forge, clock)
        done = 0
        for name in stages:
            stage = setup.stage(name)

            def look(doubtful: Any = (), stage: Any = stage) -> Any:
                return plan_stage(desk, setup, stage, last=10, doubtful=doubtful)

            outcome = bring_in_step(desk, look(), look, lambda step: None)
            assert not outcome.refused and not outcome.objections, outcome
            done += len(outcome.done)
        return done

    def setup(self) -> Setup:
        repo = GitRepo.open(self.fleet.clone)
        return read_setup(repo, GitLedger(repo, SystemClock()), None)

    def _json(self, manifest: str) -> Any:
        import json

        return json.loads(self.store.get(manifest, kind="manifest"))


class Cut(httpx.BaseTransport):
    """Real HTTP that ends at one call: before it is sent, or when its effect is there and its answer is not.

    `how` is called then, and raises what happens to the process.
    """

    def __init__(self, at: int | None, *, after: bool, how: Callable[[], None]) -> None:
        self._real = httpx.HTTPTransport()
        self._at = at
        self._after = after
        self._how = how
        self.calls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        is_cut = len(self.calls) == self._at
        if is_cut and not self._after:
            self._how()
        answer = self._real.handle_request(request)
        if is_cut and self._after:
            answer.read()
            self._how()
        return answer

    def close(self) -> None:
        self._real.close()
