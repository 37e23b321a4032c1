"""A fleet in a sandbox that asks the policies of roles, with the four roles that are generated for it."""

import json
from collections.abc import Iterable
from typing import Any

from release.config import load_pipelines, load_services
from release.core.bounds import Bounds, environment_bounds, store_bounds
from release.core.models import BucketStore, Pipelines
from release.core.permissions import Grant, RoleKind, grants, policy
from release.core.stack_permissions import stack_grants
from tests.e2e.fleet import Fleet
from tests.e2e.processes import Ended
from tests.e2e.texts import ARTIFACT_ACCOUNT, PRIMARY, REGIONS, SHORT, pipelines, service

TYPES = ("AWS::Lambda::Function", "AWS::Lambda::Permission")  # of tests.e2e.texts.TEMPLATE
STORE_KINDS: tuple[RoleKind, ...] = ("build", "read")
PLACE_KINDS: tuple[RoleKind, ...] = ("plan", "deploy")
# dev has a canary that nobody but its own probes calls.
_CANARY = "{canary: [50, 100], bake: 1s, min_samples: 1, max_error_rate: 50%, probe: true}"
STAGES = SHORT | {"dev": f"{{name: dev, on: push, rollout: {_CANARY}}}"}


class Guarded:
    """A world whose jobs may do what their roles allow, and nothing more."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.world = fleet.world(STAGES)
        files = with_roles(self.world.accounts)
        self.pipelines: Pipelines = load_pipelines({name: text.encode() for name, text in files.items()})
        self.world.merge("chore: roles that can do less", files)
        for kind in STORE_KINDS:
            self._make(ARTIFACT_ACCOUNT, kind)
            self.allow(ARTIFACT_ACCOUNT, kind, grants(kind, self.store_bounds))
        for stage, account in self.world.accounts.items():
            self._make(account, "plan")
            for kind in PLACE_KINDS:
                self.allow(account, kind, self.granted(stage, kind))

    def release(self, access: str, *words: str, ends: int | None = 0) -> Ended:
        """The CLI as a job with this RELEASE_ACCESS."""
        ended = self.world.start(*words, RELEASE_ACCESS=access).wait()
        assert ends is None or ended.code == ends, f"expected {ends}: {ended}"
        return ended

    def through(self, verb: str, stage: str, *words: str, ends: int = 0) -> None:
        """As the jobs of the workflow do it: plan with one role, apply with another."""
        plan = str(self.world.folder / "plan.json")
        self.release("plan", "plan", verb, stage, *words, "--out", plan)
        self.release("deploy", "apply", plan, "--yes", ends=ends)

    def bounds(self, stage: str) -> Bounds:
        texts = [service(name) for name in self.world.services]
        files = {path: text.encode() for one in texts for path, text in one.items() if path.endswith(".yaml")}
        services = load_services(files, self.world.stages)
        account = self.world.accounts[stage]
        return environment_bounds(
            self.pipelines, self.pipelines.environments[stage], services.values(), own(account, PLACE_KINDS)
        )

    @property
    def store_bounds(self) -> Bounds:
        assert isinstance(self.pipelines.artifacts, BucketStore)
        return store_bounds(self.pipelines.artifacts, REGIONS, own(ARTIFACT_ACCOUNT, STORE_KINDS))

    def granted(self, stage: str, kind: RoleKind) -> list[Grant]:
        bounds = self.bounds(stage)
        of_stacks = stack_grants(TYPES, bounds, boundary=None) if kind == "deploy" else ()
        return [*grants(kind, bounds), *of_stacks]

    def allow(self, account: str, kind: RoleKind, granted: Iterable[Grant]) -> None:
        """This is the policy of the role from now on."""
        self.fleet.client("iam", account, PRIMARY).put_role_policy(
            RoleName=f"release-{kind}", PolicyName="calls", PolicyDocument=json.dumps(policy(granted))
        )

    def calls_of_roles(self) -> list[dict[str, Any]]:
        accounts = {ARTIFACT_ACCOUNT, *self.world.accounts.values()}
        found = self.fleet.sandbox.calls()
        return [call for call in found if call["role"].startswith("release-") and call["account"] in accounts]

    def _make(self, account: str, kind: RoleKind) -> None:
        people = {"AWS": f"arn:aws:iam::{ARTIFACT_ACCOUNT}:root"}
        statement = {"Effect": "Allow", "Principal": people, "Action": "sts:AssumeRole"}
        self.fleet.client("iam", account, PRIMARY).create_role(
            RoleName=f"release-{kind}",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )


def own(account: str, kinds: Iterable[RoleKind]) -> list[str]:
    return [f"arn:aws:iam::{account}:role/release-{kind}" for kind in kinds]


def with_roles(accounts: dict[str, str]) -> dict[str, str]:
    """The configuration of `accounts`, with all four roles."""
    files = pipelines(accounts, STAGES)
    text = files["pipelines/environments.yaml"]
    build, read = own(ARTIFACT_ACCOUNT, STORE_KINDS)
    text = text.replace('-{region}"}', f'-{{region}}", role: "{build}", read_role: "{read}"}}')
    for account in accounts.values():
        plan, deploy = own(account, PLACE_KINDS)
        text = text.replace(f'role: "{deploy}"', f'role: "{deploy}", plan_role: "{plan}"')
    return files | {"pipelines/environments.yaml": text}


def without(granted: Iterable[Grant], action: str) -> list[Grant]:
    """The same, less one action wherever it stands."""
    left = (
        Grant(one.sid, tuple(each for each in one.actions if each != action), one.resources, one.condition)
        for one in granted
    )
    return [one for one in left if one.actions]
