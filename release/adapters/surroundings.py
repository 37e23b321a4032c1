"""Event sources, provisioned concurrency and drift of stacks behind the port `Surroundings`."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from release.adapters.aws import Aws
from release.adapters.aws.errors import error_code, translated
from release.adapters.aws.lambda_calls import LambdaCalls
from release.adapters.aws.looks import looks
from release.core.drift import MappingFacts, ProvisionedFacts
from release.core.models import Place
from release.core.orphans import TaggedStack
from release.core.snapshot import ALIAS_EXISTS
from release.errors import Unavailable

_DETECT_SECONDS: Final = 900.0
_LONGEST_PAUSE: Final = 5.0
_NONE_PROVISIONED: Final = ("ProvisionedConcurrencyConfigNotFoundException", "ResourceNotFoundException")
_NOT_NOW: Final = "ValidationError"  # a stack that is gone, or at work
# Every status but DELETE_COMPLETE, which ListStacks shows for ninety days:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
_THERE: Final = (
    *(f"{verb}_{end}" for verb in ("CREATE", "ROLLBACK", "UPDATE_ROLLBACK", "IMPORT", "IMPORT_ROLLBACK")
      for end in ("IN_PROGRESS", "FAILED", "COMPLETE")),
    "DELETE_IN_PROGRESS", "DELETE_FAILED", "UPDATE_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "REVIEW_IN_PROGRESS",
)  # fmt: skip


class AwsSurroundings:
    """The port `Surroundings` over botocore. Safe to share between threads."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._calls = LambdaCalls(aws)

    def mappings(self, place: Place) -> Sequence[MappingFacts]:
        """https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html"""
        found: list[MappingFacts] = []
        request: dict[str, str] = {}
        with translated(place, "listing event source mappings"):
            while True:
                shown = self._calls.read(place, partial(_list_mappings, request))
                found += [_mapping(one) for one in shown["EventSourceMappings"] if one.get("FunctionArn")]
                if not shown.get("NextMarker"):
                    return found
                request["Marker"] = shown["NextMarker"]

    def provisioned(self, place: Place, name: str, qualifier: str) -> ProvisionedFacts | None:
        """https://docs.aws.amazon.com/lambda/latest/api/API_GetProvisionedConcurrencyConfig.html"""
        with translated(place, f"reading provisioned concurrency of {name}:{qualifier}"):
            try:
                shown: Mapping[str, Any] = self._calls.read(
                    place,
                    lambda api: api.get_provisioned_concurrency_config(
                        FunctionName=name, Qualifier=qualifier
                    ),
                )
            except ClientError as error:
                if error_code(error) in _NONE_PROVISIONED:
                    return None
                raise
            return ProvisionedFacts(
                status=shown.get("Status") or "",
                reason=shown.get("StatusReason") or "",
                requested=shown.get("RequestedProvisionedConcurrentExecutions") or 0,
            )

    def changed_resources(self, place: Place, stack: str) -> Sequence[str] | None:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html"""
        client = self._aws.client(place, "cloudformation")
        with translated(place, f"looking for drift of stack {stack}"):
            try:
                detection = client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
            except ClientError as error:
                if error_code(error) == _NOT_NOW:
                    return None
                raise
            self._detected(place, stack, client, detection)
            found: list[str] = []
            page: dict[str, str] = {}
            while True:
                shown = client.describe_stack_resource_drifts(
                    StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], **page
                )
                found += [line for one in shown["StackResourceDrifts"] if (line := _resource(one))]
                if not shown.get("NextToken"):
                    return sorted(found)
                page = {"NextToken": shown["NextToken"]}

    def stack_names(self, place: Place) -> Sequence[str]:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html"""
        client = self._aws.client(place, "cloudformation")
        with translated(place, "listing stacks"):
            pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=list(_THERE))
            return [one["StackName"] for page in pages for one in page["StackSummaries"]]

    def tagged_stack(self, place: Place, stack: str) -> TaggedStack | None:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html"""
        client = self._aws.client(place, "cloudformation")
        with translated(place, f"reading stack {stack}"):
            try:
                (shown,) = client.describe_stacks(StackName=stack)["Stacks"]
            except ClientError as error:
                if error_code(error) == _NOT_NOW:
                    return None
                raise
        tags = {one["Key"]: one["Value"] for one in shown.get("Tags") or []}
        parameters = {one["ParameterKey"]: one.get("ParameterValue") for one in shown.get("Parameters") or []}
        return TaggedStack(
            name=shown["StackName"],
            status=shown["StackStatus"],
            service=tags.get("release:service"),
            stage=tags.get("release:stage"),
            attached=parameters.get(ALIAS_EXISTS) == "true",
        )

    def _detected(self, place: Place, stack: str, client: Any, detection: str) -> None:
        """Wait for its end. It fails as a whole where one resource cannot be read; the others are told."""
        for _ in looks(self._aws, _DETECT_SECONDS, first=0.5, longest=_LONGEST_PAUSE):
            shown = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            if shown["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                return
        raise Unavailable(
            f"CloudFormation still looks for drift of stack {stack} in {place}",
            fix="try again later, or without --detect",
        )


def _list_mappings(request: dict[str, str], api: Any) -> Any:
    return api.list_event_source_mappings(**request)


def _mapping(shown: Any) -> MappingFacts:
    # arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
    parts = shown["FunctionArn"].split(":")
    return MappingFacts(
        uuid=shown["UUID"],
        function=parts[6] if len(parts) > 6 else shown["FunctionArn"],
        qualifier=parts[7] if len(parts) > 7 else None,
        source=shown.get("EventSourceArn") or "a source of its own",
    )


def _resource(shown: Any) -> str | None:
    """Which resource, and which of its properties; never their values. None: only what is ours differs."""
    name = f"{shown['LogicalResourceId']} ({shown['ResourceType']})"
    if shown["StackResourceDriftStatus"] == "DELETED":
        return f"{name} was deleted"
    properties = sorted({one["PropertyPath"].strip("/") for one in shown.get("PropertyDifferences") or []})
    if shown["ResourceType"] == "AWS::Lambda::Function":  # the stack's code is a placeholder
        others = [name for name in properties if name.split("/")[0] != "Code"]
        if properties and not others:
            return None
        properties = others
    return f"{name} was changed: {', '.join(properties)}" if properties else f"{name} was changed"
