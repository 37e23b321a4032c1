"""What data survive."""

from collections.abc import Iterator
from typing import Final

from release.core.infra_diff import HOLDS_DATA
from release.core.infra_values import Template, mapping
from release.core.policies.policy import (
    Breach,
    Policy,
    Resource,
    elements,
    is_true,
    possible,
    resources,
    said,
    tags,
)

# What no rollout removes unnamed says so itself; but logs, which have an end of their own, and parameters.
_DATA: Final = tuple(sorted(HOLDS_DATA - {"AWS::Logs::LogGroup", "AWS::SSM::Parameter"}))
_ENDS: Final = ("DeletionPolicy", "UpdateReplacePolicy")
_KEEPS: Final = ("Retain", "RetainExceptOnCreate", "Snapshot")
_PRODUCTION: Final = ("prod", "production", "live")


def _recovery(template: Template) -> Iterator[Breach]:
    where = "PointInTimeRecoverySpecification"
    for table in resources(template, "AWS::DynamoDB::Table"):
        if not all(map(is_true, table.values(where, "PointInTimeRecoveryEnabled"))):
            yield table.breach("cannot go back to a point in time", where)
    for table in resources(template, "AWS::DynamoDB::GlobalTable"):
        for place, replica in enumerate(elements(table.properties.get("Replicas"))):
            recovery = mapping(mapping(replica).get(where))
            if not all(map(is_true, possible(recovery.get("PointInTimeRecoveryEnabled")))):
                region = said(mapping(replica).get("Region"))
                what = f"cannot go back to a point in time in {region}"
                yield table.breach(what, "Replicas", place, where)


def _is_production(resource: Resource) -> bool:
    return (tags(resource) or {}).get("env") in _PRODUCTION


def _end(template: Template) -> Iterator[Breach]:
    for one in resources(template, *_DATA):
        missing = [key for key in _ENDS if key not in one.body]
        if missing:
            yield Breach(
                one.path, f"{one.name} does not say what becomes of its data: {' and '.join(missing)}"
            )
        elif (
            not _is_production(one)
            and len(loses := [key for key in _ENDS if one.body[key] not in _KEEPS]) == 1
        ):
            yield Breach(
                (*one.path, *loses), f"{one.name} keeps its data in one case, and {loses[0]} loses them"
            )


def _kept(template: Template) -> Iterator[Breach]:
    for one in resources(template, *_DATA):
        if _is_production(one):
            for key in _ENDS:
                if isinstance(found := one.body.get(key), str) and found not in _KEEPS:
                    yield Breach(
                        (*one.path, key), f"{one.name} loses the data of production: {key} is {found}"
                    )


def _versions(template: Template) -> Iterator[Breach]:
    for bucket in resources(template, "AWS::S3::Bucket"):
        if any(one != "Enabled" for one in bucket.values("VersioningConfiguration", "Status")):
            yield bucket.breach("forgets what was overwritten", "VersioningConfiguration")


def _lifecycle(template: Template) -> Iterator[Breach]:
    for bucket in resources(template, "AWS::S3::Bucket"):
        rules = mapping(bucket.properties.get("LifecycleConfiguration")).get("Rules")
        if "Enabled" not in said(rules).split():
            yield bucket.breach("keeps everything at the highest price for ever", "LifecycleConfiguration")


POLICIES: Final = (
    Policy(
        "R0301",
        "A table goes back to a point in time",
        "set PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}",
        _recovery,
    ),
    Policy(
        "R0302",
        "Data say what becomes of them",
        "write DeletionPolicy and UpdateReplacePolicy, both to keep or both to lose",
        _end,
    ),
    Policy(
        "R0303",
        "Data of production outlive their stack",
        "set DeletionPolicy to RetainExceptOnCreate and UpdateReplacePolicy to Retain",
        _kept,
    ),
    Policy("R0304", "A bucket keeps versions", "set VersioningConfiguration: {Status: Enabled}", _versions),
    Policy("R0305", "A bucket has a lifecycle", "add an enabled rule to LifecycleConfiguration", _lifecycle),
)
