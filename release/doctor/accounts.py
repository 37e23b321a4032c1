"""Reads accounts, roles and buckets."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from release.core.doctor.aws import AwsFacts, BoundaryFacts, BucketFacts, PlaceFacts, aws_findings
from release.core.doctor.findings import Finding, Trouble, troubled
from release.core.doctor.trust import RoleFacts
from release.core.models import Pipeline, Pipelines, Place, Stage
from release.doctor import configured
from release.doctor.asking import tried
from release.ports.workplace import PLAN_READS, AwsSetup


def questions(
    aws: AwsSetup, pipelines: Pipelines, stages: tuple[tuple[Pipeline, Stage], ...]
) -> Mapping[str, Callable[[], Any]]:
    asks: dict[str, Callable[[], Any]] = {}
    environments = configured.environments_of(stages)
    for environment in environments:
        for place in environment.places:
            asks[f"place {environment.name} {place.region}"] = partial(_place, aws, environment.name, place)
        if environment.role is not None:
            asks[f"boundary {environment.name}"] = partial(
                BoundaryFacts, environment.name, environment.boundary
            )
    for role, jobs in configured.roles(pipelines, stages).items():
        where = configured.place_of(pipelines, role)
        asks[f"role {role}"] = partial(_role, aws, where, role, jobs)
    for place, bucket in configured.buckets(pipelines, environments).items():
        asks[f"bucket {bucket}"] = partial(_bucket, aws, place, bucket)
    return asks


def findings(
    answers: Mapping[str, Any], repository: str | None, ids: tuple[int, int] | None
) -> Sequence[Finding]:
    found: list[Finding] = []
    facts: dict[type, list[Any]] = {PlaceFacts: [], RoleFacts: [], BoundaryFacts: [], BucketFacts: []}
    checks = {"place": ("account", "reads"), "role": ("trust",), "bucket": ("bucket",)}
    for name, answer in answers.items():
        kind, _, subject = name.partition(" ")
        if type(answer) in facts:
            facts[type(answer)].append(answer)
        elif kind in checks:
            found += [troubled(check, answer, subject) for check in checks[kind]]
    places, roles, bounds, buckets = (tuple(each) for each in facts.values())
    return [*found, *aws_findings(AwsFacts(repository, ids, places, roles, bounds, buckets))]


def _place(aws: AwsSetup, environment: str, place: Place) -> PlaceFacts:
    identity = tried(partial(aws.account, place))
    reads = (
        {name: tried(partial(aws.may, place, name)) for name in PLAN_READS}
        if identity == place.account
        else {}
    )
    return PlaceFacts(environment, place.account, place.region, aws.becomes(place), identity, reads)


def _role(aws: AwsSetup, place: Place, role: str, jobs: tuple[str, ...]) -> RoleFacts:
    return RoleFacts(role, jobs, tried(partial(aws.trust, place, role)))


def _bucket(aws: AwsSetup, place: Place, bucket: str) -> BucketFacts:
    there = tried(partial(aws.has_bucket, place, bucket))
    if there is not True:
        skipped = Trouble("the bucket could not be looked at", "mend that first")
        return BucketFacts(bucket, place.account, place.region, there, skipped, skipped, skipped, skipped)
    return BucketFacts(
        bucket,
        place.account,
        place.region,
        there,
        location=tried(partial(aws.bucket_region, place, bucket)),
        versioned=tried(partial(aws.is_versioned, place, bucket)),
        encrypted=tried(partial(aws.is_encrypted, place, bucket)),
        private=tried(partial(aws.is_private, place, bucket)),
    )
