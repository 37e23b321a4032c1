"""One change set: what CloudFormation says that it would do, and doing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from release.adapters.aws import Aws
from release.adapters.aws.errors import error_code
from release.adapters.aws.looks import looks
from release.core.infra_apply import ResourceChange
from release.core.models import Place
from release.errors import ForeignChange, Misconfigured, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_MADE_SECONDS: Final = 600.0
_LONGEST_PAUSE: Final = 2.0
_NO_CHANGE: Final = ("didn't contain changes", "No updates are to be performed")
_ACTIONS: Final[Mapping[str, Any]] = {"Add": "add", "Modify": "modify", "Remove": "remove"}
_REPLACEMENTS: Final[Mapping[str, Any]] = {"True": "yes", "Conditional": "perhaps"}


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Of a stack that exists. Raises the errors of botocore."""

    aws: Aws
    place: Place
    stack: str
    arn: str
    token: str  # makes a repeated execution the same operation

    @classmethod
    def make(cls, aws: Aws, place: Place, request: Mapping[str, Any]) -> "ChangeSet":
        """`request` as UpdateStack takes it. It has a name by what it is about."""
        asked = {key: value for key, value in request.items() if key != "ClientRequestToken"}
        token = str(request["ClientRequestToken"])
        name = f"release-{token[:40]}"
        client: CloudFormationClient = aws.client(place, "cloudformation")

        def create() -> str:
            return str(client.create_change_set(**asked, ChangeSetName=name, ChangeSetType="UPDATE")["Id"])

        try:
            arn = create()
        except ClientError as error:
            if error_code(error) != "AlreadyExistsException":
                raise
            # Left by a process that was killed, or made by a call whose answer was lost.
            client.delete_change_set(StackName=asked["StackName"], ChangeSetName=name)
            arn = create()
        return cls(aws, place, asked["StackName"], arn, token)

    def changes(self) -> Sequence[ResourceChange] | None:
        """What it would do, when CloudFormation has worked that out. None: nothing."""
        shown = self._made()
        if shown["Status"] != "CREATE_COMPLETE":
            self._refuse(shown.get("StatusReason") or "AWS gave no reason")
            return None
        found = _changes(shown)
        while token := shown.get("NextToken"):
            shown = self._described(token)
            found += _changes(shown)
        return found

    def _made(self) -> Any:
        """Its first page, when CloudFormation has worked it out, or says why not."""
        for _ in looks(self.aws, _MADE_SECONDS, longest=_LONGEST_PAUSE):
            shown = self._described()
            if shown["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                return shown
        raise Unavailable(
            f"the change set of stack {self.stack} in {self.place} does not come to be",
            fix="look at it in the console, then run the same command again",
        )

    def execute(self) -> None:
        try:
            self._client.execute_change_set(
                StackName=self.stack, ChangeSetName=self.arn, ClientRequestToken=self.token
            )
        except ClientError as error:
            if error_code(error) != "InvalidChangeSetStatus":
                raise
            # Ours, when the answer to it was lost.
            if self._described().get("ExecutionStatus") not in ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE"):
                raise ForeignChange(
                    f"stack {self.stack} in {self.place} was changed by somebody else meanwhile",
                    fix="see its events for who and what, then run the same command again",
                ) from error

    def discard(self) -> None:
        self._client.delete_change_set(StackName=self.stack, ChangeSetName=self.arn)

    @property
    def _client(self) -> "CloudFormationClient":
        client: CloudFormationClient = self.aws.client(self.place, "cloudformation")
        return client

    def _described(self, token: str = "") -> Any:
        page: Any = {"NextToken": token} if token else {}
        return self._client.describe_change_set(StackName=self.stack, ChangeSetName=self.arn, **page)

    def _refuse(self, reason: str) -> None:
        """Raises Misconfigured, unless there is nothing to change."""
        if any(words in reason for words in _NO_CHANGE):
            return
        self.discard()
        raise Misconfigured(
            f"CloudFormation takes no change set for stack {self.stack} in {self.place}: {reason}",
            fix="correct what the reason names in the template, merge, and build that",
        )


def _changes(page: Any) -> list[ResourceChange]:
    return [
        _read(change["ResourceChange"]) for change in page.get("Changes") or [] if "ResourceChange" in change
    ]


def _read(shown: Any) -> ResourceChange:
    return ResourceChange(
        shown["LogicalResourceId"],
        shown["ResourceType"],
        _ACTIONS.get(shown["Action"], "other"),
        _REPLACEMENTS.get(shown.get("Replacement") or "", "no"),
    )
