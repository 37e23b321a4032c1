"""The configured fleet: where (environments), when (pipelines) and what (services). Frozen
and complete after loading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

from release.core.access import Access
from release.core.freeze import FreezeWindow
from release.core.recipients import Recipient

Channel = Literal["qa", "rc", "gold"]

LARGEST_FILE: Final = 256 * 1024  # bytes of one file of configuration
# What stands where a file of configuration should: "large" is a file of more than LARGEST_FILE bytes
Odd = Literal["link", "submodule", "folder", "special", "large"]


@dataclass(frozen=True, slots=True)
class Place:
    """One account and region: where a copy of a function lives."""

    account: str  # 12 digits
    region: str
    role: str | None = (
        None  # ARN that deploying assumes; None: the ambient credentials must be this account's
    )
    plan_role: str | None = None  # ARN of what planning needs and no more; None: `role`

    def role_for(self, access: Access | None) -> str | None:
        """Whom to become. `access` None: nobody has said what for, as on a laptop."""
        return (self.plan_role or self.role) if access == "plan" else self.role

    def __str__(self) -> str:
        return f"{self.account}/{self.region}"


@dataclass(frozen=True, slots=True)
class Environment:
    name: str
    account: str
    regions: tuple[str, ...]  # the first is the primary, the others are replicas
    role: str | None
    plan_role: str | None = None
    boundary: str | None = None  # name of the policy that bounds roles of functions; None: nothing does

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(Place(self.account, region, self.role, self.plan_role) for region in self.regions)


@dataclass(frozen=True, slots=True)
class BucketStore:
    """Artifacts in S3: one account, a bucket in every region that a stage uses."""

    account: str
    bucket: str  # pattern with {region}
    role: str | None
    read_role: str | None = None  # ARN of what reading needs and no more; None: `role`

    def role_for(self, access: Access | None) -> str | None:
        """Whom to become. Only a build writes; on a laptop any verb may build."""
        return (self.read_role or self.role) if access in ("plan", "deploy") else self.role


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Artifacts in a folder: for one machine, or a mounted share."""

    folder: str  # absolute, or relative to the repository's top


@dataclass(frozen=True, slots=True)
class Source:
    """Where in the configuration something was said."""

    file: str  # path in the repository
    line: int
    path: str  # "stages/3/gates/soak"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that must hold before traffic moves. `setting` is the value as configured,
    in its display form.
    """

    name: str  # soak, four_eyes, freeze, order, no_lost_commits, alarms_clear, signed_off
    setting: str
    source: Source
    value: timedelta | tuple[FreezeWindow, ...] | None = None  # of soak; of freeze; the others are switches


@dataclass(frozen=True, slots=True)
class AllAtOnce:
    """All traffic in one step."""

    def __str__(self) -> str:
        return "all-at-once"


@dataclass(frozen=True, slots=True)
class Gradual:
    """Traffic in steps: canary (given percentages) or linear (equal percentages)."""

    kind: Literal["canary", "linear"]
    steps: tuple[int, ...]  # percent of traffic on the new version, rising, ends with 100
    bake: timedelta
    min_samples: int
    max_error_rate: float  # fraction of calls, 0 to 1
    alarms: tuple[str, ...]  # alarm name patterns with {function}
    source: Source
    max_p99: timedelta | None = None  # how long all but 1 % of calls may take; None: that is not judged
    probe: bool = False  # whether we may call both versions ourselves where traffic is too low to judge

    def __str__(self) -> str:
        return f"{self.kind} {' → '.join(f'{step} %' for step in self.steps)}"


Rollout = AllAtOnce | Gradual


@dataclass(frozen=True, slots=True)
class Verification:
    """A program of the release's commit that looks at a stage once everything serves there."""

    command: tuple[str, ...]  # program and arguments: no shell reads it
    timeout: int = 1800  # seconds


@dataclass(frozen=True, slots=True)
class Stage:
    """A place in a pipeline: an environment with its channel, gates and rollout."""

    name: str
    environment: Environment
    trigger: Literal["push", "button"]
    channel: Channel | None  # None: a stage without tags (dev), which `deploy` fills
    after: str | None
    gates: tuple[Gate, ...]
    rollouts: Mapping[str, Rollout]  # by region, every region of the environment
    verify: tuple[Verification, ...]  # what must succeed after all traffic has moved, in this order
    source: Source
    on_failure: Literal["go-on", "hold"] = "go-on"  # hold: a failed rollout holds the stage for a person
    via: Literal["here", "actions"] = "here"  # actions: what enters it is carried out by GitHub Actions alone


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The ordered stages that a group of services goes through."""

    name: str
    services: tuple[str, ...]  # glob patterns over service names
    tag_prefix: str  # "v", or "payments/v"
    branches: tuple[str, ...]  # branches whose commits may be released, glob patterns
    stages: tuple[Stage, ...]
    source: Source
    releases: tuple[Channel, ...] = ("gold",)  # channels whose tags become releases on the forge

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)


@dataclass(frozen=True, slots=True)
class Pipelines:
    """All of `pipelines/`: owned by the release owners, read from the remote default branch."""

    environments: Mapping[str, Environment]
    artifacts: BucketStore | FolderStore
    alias: str  # the alias that serves, the same for every function
    pipelines: Mapping[str, Pipeline]
    recipients: tuple[Recipient, ...] = ()  # who is told of what happens

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region that any stage uses, in the order of first use."""
        return tuple(dict.fromkeys(region for env in self.environments.values() for region in env.regions))


@dataclass(frozen=True, slots=True)
class Function:
    key: str  # its name within the service: "api"
    name_pattern: str  # "price-fetcher-{stage}"
    handler: str

    def name(self, stage: str) -> str:
        """The name of the AWS Lambda function in this stage."""
        return self.name_pattern.replace("{stage}", stage)


# Thresholds of the alarms of a function: how many errors and throttled calls within `period` seconds, and how
# much of its time-out calls may take (p95).
ALARMS: Mapping[str, int] = MappingProxyType(
    {"errors": 1, "throttles": 1, "duration_percent": 80, "period": 60}
)
NAMING = "{service}-{stage}-{resource}"
CAPACITY: Mapping[str, int] = MappingProxyType(
    {"read": 5, "write": 5}
)  # units of a table that is provisioned


@dataclass(frozen=True, slots=True)
class Settings:
    """What CloudFormation configures for a service's functions in one stage."""

    memory: int = 128  # MB
    timeout: int = 3  # seconds
    log_retention_days: int = 7
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # name -> ARN in Secrets Manager
    tracing: str | None = None  # share of requests to trace, as written: "5%"
    vpc: bool = False
    billing: str = "on-demand"  # of its tables; or "provisioned"
    capacity: Mapping[str, int] = field(default_factory=lambda: dict(CAPACITY))
    alarms: Mapping[str, int] = field(default_factory=lambda: dict(ALARMS))


@dataclass(frozen=True, slots=True)
class Smoke:
    """How a lambda version proves that it starts and answers."""

    payload: Mapping[str, Any] = field(default_factory=lambda: {"health_check": True})
    timeout: int = 10  # seconds
    critical: tuple[str, ...] = ()  # dependencies that must be up for the test to pass
    expect: Mapping[str, Any] = field(default_factory=dict)  # keys and values that the answer must hold


@dataclass(frozen=True, slots=True)
class Build:
    """How an artifact is made, as far as the runtime does not say it."""

    include: tuple[str, ...] = ()  # globs from the repository's top: more files that the build may see
    command: tuple[str, ...] | None = None  # program and arguments; None: the runtime's own builder
    output: str | None = None  # folder in the service's folder that the command fills; with a command only
    timeout: int = 600  # seconds that the command, npm or the bundler may take
    minify: bool = True  # this and the next two: Node without a command
    source_maps: bool = False  # linked, as files of their own
    external: tuple[str, ...] = ("@aws-sdk/*", "@smithy/*")  # packages that the runtime brings: not bundled


@dataclass(frozen=True, slots=True)
class Migration:
    """What has to run before the new versions of a service may serve: a function of it, or a program.

    It may run again, after a crash or a lost answer: it must be idempotent.
    """

    function: str | None = None  # key of a function of the service; None: `command`
    payload: Mapping[str, Any] = field(default_factory=dict)  # of the function
    command: tuple[str, ...] = ()  # program and arguments: no shell reads it; empty: `function`
    timeout: int = 300  # seconds
    everywhere: bool = False  # in every region; else in the primary one alone
    destructive: bool = False  # it loses data, or what older code needs: a person approves each run


@dataclass(frozen=True, slots=True)
class Service:
    """A folder in `services/`: the unit that changes and is built."""

    name: str
    team: str
    owner: str
    data_class: str
    cost_center: str
    runtime: str  # "python3.13"
    architecture: Literal["arm64", "x86_64"]
    functions: tuple[Function, ...]
    settings: Mapping[str, Settings]  # "default" and every stage that is named; each complete (merged)
    smoke: Smoke
    source: Source
    build: Build = Build()
    migration: Migration | None = None
    freezes: bool = False  # no_auto_rollback: a failure leaves its aliases where they are, for a person
    naming: str = NAMING  # names of its resources

    def named(self, stage: str, resource: str) -> str:
        """The name of a resource in this stage."""
        filled = self.naming.replace("{service}", self.name).replace("{team}", self.team)
        return filled.replace("{stage}", stage).replace("{resource}", resource)

    def settings_for(self, stage: str) -> Settings:
        return self.settings.get(stage, self.settings["default"])
