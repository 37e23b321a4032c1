"""Deletes stacks for good, behind the port `Removal`."""

from typing import Any, Final

from botocore.exceptions import ClientError

from release.adapters.aws import Aws
from release.adapters.aws.errors import error_code, error_message, translated
from release.adapters.aws.looks import looks
from release.core.models import Place
from release.errors import Misconfigured, Stranded, Unavailable

_DELETE_SECONDS: Final = 1800.0
_LONGEST_PAUSE: Final = 5.0


class AwsRemoval:
    """The port `Removal` over botocore. Safe to share between threads."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def template(self, place: Place, stack: str) -> str | None:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html"""
        client = self._client(place)
        with translated(place, f"reading the template of stack {stack}"):
            try:
                return str(client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"])
            except ClientError as error:
                if _is_gone(error):
                    return None
                raise

    def delete(self, place: Place, stack: str) -> None:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html"""
        client = self._client(place)
        with translated(place, f"deleting stack {stack}"):
            shown = _described(client, stack)
            if shown is None:
                return
            identity = shown["StackId"]  # by its name nobody finds a stack that is gone
            if shown["StackStatus"] != "DELETE_IN_PROGRESS":
                _refuse_protected(shown, place)
                client.delete_stack(StackName=identity)
            self._gone(client, place, stack, identity)

    def _gone(self, client: Any, place: Place, stack: str, identity: str) -> None:
        look = f"aws cloudformation describe-stack-events --stack-name {stack} --region {place.region}"
        shown: Any = None
        for _ in looks(self._aws, _DELETE_SECONDS, longest=_LONGEST_PAUSE):
            shown = _described(client, identity)
            if shown is None or shown["StackStatus"] == "DELETE_COMPLETE":
                return
            if shown["StackStatus"] == "DELETE_FAILED":
                why = shown.get("StackStatusReason") or "AWS gave no reason"
                raise Stranded(
                    f"stack {stack} in {place} is deleted in part: {why}",
                    fix=f"mend what that names ({look}), then run the same command again: it does the rest",
                )
        minutes = f"{_DELETE_SECONDS / 60:.0f} minutes"
        raise Unavailable(
            f"stack {stack} in {place} is still {shown['StackStatus']} after {minutes}",
            fix=f"see what it waits for ({look}), then run the same command again",
        )

    def _client(self, place: Place) -> Any:
        return self._aws.client(place, "cloudformation")


def _described(client: Any, stack: str) -> Any | None:
    try:
        return client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if _is_gone(error):
            return None
        raise


def _is_gone(error: ClientError) -> bool:
    return error_code(error) == "ValidationError" and "does not exist" in error_message(error)


def _refuse_protected(shown: Any, place: Place) -> None:
    if shown.get("EnableTerminationProtection"):
        name = shown["StackName"]
        raise Misconfigured(
            f"stack {name} in {place} has termination protection: somebody wants it kept",
            fix="ask who and why; then: aws cloudformation update-termination-protection"
            f" --no-enable-termination-protection --stack-name {name} --region {place.region}",
        )
