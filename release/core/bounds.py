"""The names that a fleet's things have in one account, as resources of IAM: what policies are bound to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from release.core.models import BucketStore, Environment, Pipelines, Service
from release.core.recipients import Recipient

_PARTITIONS: Final = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Patterns (`*` is any text) in one account. `artifacts` None: they are in a folder."""

    account: str
    regions: tuple[str, ...]
    functions: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()
    artifacts: BucketStore | None = None
    artifact_regions: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()  # ARNs
    parameters: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()  # ARNs of the tool's own, which `release doctor` looks at
    things: tuple[str, ...] = ()  # what `naming` calls tables, queues, topics and keys

    def resources(self, subject: str) -> tuple[str, ...]:
        """ARNs; none where the fleet has no such thing."""
        match subject:
            case "function":
                return self.named("lambda", "function:{}", self.functions)
            case "version":
                both = [form for one in self.functions for form in (one, f"{one}:*")]
                return self.named("lambda", "function:{}", both)
            case "stack":
                return self.named("cloudformation", "stack/{}/*", self.stacks)
            case "bucket":
                return tuple(f"arn:{self.partition}:s3:::{bucket}" for bucket in self.buckets)
            case "artifact":
                return tuple(f"arn:{self.partition}:s3:::{bucket}/*" for bucket in self.buckets)
            case "artifact-key" if self.artifacts is not None:
                # AWS gives its id, and an alias is no resource: whom the key serves says its own policy.
                account = self.artifacts.account
                return tuple(
                    f"arn:{self.partition}:kms:{region}:{account}:key/*" for region in self.artifact_regions
                )
            case "topic":
                return self.topics
            case "parameter":
                return self.parameters
            case "secret":
                return self.secrets
            case "role":
                return self.roles
            case "any":
                return ("*",)
        return ()

    def named(self, service: str, form: str, names: Iterable[str]) -> tuple[str, ...]:
        """Things of a service in every region of the environment. `form` has {} for the name."""
        patterns = list(names)
        return tuple(
            f"arn:{self.partition}:{service}:{region}:{self.account}:{form.format(name)}"
            for region in self.regions
            for name in patterns
        )

    @property
    def partition(self) -> str:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
        return next((name for start, name in _PARTITIONS if self.regions[0].startswith(start)), "aws")

    @property
    def buckets(self) -> tuple[str, ...]:
        if self.artifacts is None:
            return ()
        return tuple(self.artifacts.bucket.replace("{region}", region) for region in self.artifact_regions)

    @property
    def by_s3(self) -> Mapping[str, Mapping[str, Any]]:
        """The key only as S3 uses it."""
        through = [f"s3.{region}.amazonaws.com" for region in self.artifact_regions]
        return {"StringEquals": {"kms:ViaService": through}}


def environment_bounds(
    pipelines: Pipelines, environment: Environment, services: Iterable[Service], roles: Sequence[str]
) -> Bounds:
    """What `release` touches in an environment. `services`: those of its stages' pipelines."""
    stages = [
        stage.name
        for pipeline in pipelines.pipelines.values()
        for stage in pipeline.stages
        if stage.environment.name == environment.name
    ]
    known = list(services)
    functions = {
        _wide(function.name_pattern, service.name).replace("{stage}", stage)
        for service in known
        for function in service.functions
        for stage in stages
    }
    store = pipelines.artifacts if isinstance(pipelines.artifacts, BucketStore) else None
    told = [one for one in pipelines.recipients if one.stages is None or set(one.stages) & set(stages)]
    return Bounds(
        environment.account,
        environment.regions,
        _fewest(functions),
        tuple(sorted({f"*-{stage}" for stage in stages})),
        store,
        environment.regions if store else (),
        _arns(told, "sns"),
        _arns(told, "ssm"),
        _arns(told, "secretsmanager"),
        tuple(roles),
        _things(known, stages),
    )


def store_bounds(store: BucketStore, regions: tuple[str, ...], roles: Sequence[str]) -> Bounds:
    return Bounds(store.account, regions, artifacts=store, artifact_regions=regions, roles=tuple(roles))


def _wide(pattern: str, service: str) -> str:
    """So that one more service of the same naming needs no new policy: its own name is left open."""
    opened = pattern.replace(service, "*", 1)
    fixed = opened.replace("*", "").replace("{stage}", "")
    return opened if any(one.isalnum() for one in fixed) or "{stage}" in opened else pattern


def _things(services: Iterable[Service], stages: Iterable[str]) -> tuple[str, ...]:
    """Names that `naming` gives in these stages, with the service's own name left open."""
    every = [
        replace(service, name="*").named(stage, "*")
        if "{service}" in service.naming
        else service.named(stage, "*")
        for service in services
        for stage in stages
    ]
    return _fewest(every)


def _fewest(patterns: Iterable[str]) -> tuple[str, ...]:
    """Without those that another one covers, whose `*` comes first."""
    every = sorted(set(patterns))
    return tuple(
        one
        for one in every
        if not any(
            other != one and other.startswith("*") and "*" not in other[1:] and one.endswith(other[1:])
            for other in every
        )
    )


def _arns(recipients: Iterable[Recipient], service: str) -> tuple[str, ...]:
    named = {one.where for one in recipients if one.where.startswith("arn:")}
    return tuple(sorted(arn for arn in named if arn.split(":")[2] == service))
