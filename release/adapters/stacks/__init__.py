"""CloudFormation behind the port `Stacks`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from release.adapters.aws import Aws
from release.adapters.aws.errors import error_code, error_message, translated
from release.adapters.aws.looks import looks
from release.adapters.stacks.change_sets import ChangeSet
from release.core import canonical
from release.core.infra_apply import MAX_TEMPLATE, ResourceChange
from release.core.infra_dead import NEVER_CREATED, is_under_way, way_out
from release.core.infra_expand import marked
from release.core.models import Place
from release.core.snapshot import StackFacts
from release.errors import ForeignChange, Misconfigured, RolloutFailed, Unavailable
from release.ports import StackRequest

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_SETTLE_SECONDS = 1800.0
_BEGIN_SECONDS = 30.0
_BEGIN_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_UPDATE_ATTEMPTS = 5
_ENDED_WELL = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_TRY_AGAIN = "then run the same command again"


class CloudFormationStacks:
    """The port `Stacks` over botocore. Safe to share between threads."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def stack(self, place: Place, name: str) -> StackFacts | None:
        with translated(place, f"reading stack {name}"):
            shown = self._described(place, name)
            return None if shown is None else self._facts(place, shown)

    def create(self, place: Place, request: StackRequest) -> None:
        name = request.name
        _refuse_large(request)
        with translated(place, f"creating stack {name}"):
            before = self._described(place, name)
            if before and _is_ending_badly(before["StackStatus"]):
                before = self._wait(place, name)
            if before and before["StackStatus"] in NEVER_CREATED:
                self._delete(place, name)
            try:
                self._client(place).create_stack(**_call(request, before), OnFailure="ROLLBACK")
            except ClientError as error:
                if error_code(error) != "AlreadyExistsException":
                    raise
                # Our own, when a response was lost or an earlier run was killed here.
                now = self.stack(place, name)
                if now is None or not _is_made_of(now, request):
                    raise ForeignChange(
                        f"somebody else created stack {name} in {place}: now it is "
                        f"{now.status if now else 'gone again'}",
                        fix=f"see its events for who created it, {_TRY_AGAIN}",
                    ) from error

    def update(self, place: Place, request: StackRequest) -> bool:
        _refuse_large(request)
        with translated(place, f"updating stack {request.name}"):
            for attempt in range(1, _UPDATE_ATTEMPTS + 1):
                before = self._at_rest(place, request.name)
                _refuse_stuck(place, before)
                keeps_more = _keeps_more(before, request.template)
                try:
                    self._client(place).update_stack(**_call(request, before, keep_template=keeps_more))
                    return True
                except ClientError as error:
                    message = error_message(error)
                    if "No updates are to be performed" in message:
                        return False
                    if "_IN_PROGRESS state" not in message or attempt == _UPDATE_ATTEMPTS:
                        raise
        raise AssertionError("the last attempt returns or raises")

    def change(
        self, place: Place, request: StackRequest, agreed: Callable[[Sequence[ResourceChange]], None]
    ) -> bool:
        _refuse_large(request)
        with translated(place, f"changing stack {request.name}"):
            before = self._at_rest(place, request.name)
            _refuse_stuck(place, before)
            change_set = ChangeSet.make(self._aws, place, _call(request, before))
            changes = change_set.changes()
            if changes is None:
                change_set.discard()
                return False
            try:
                agreed(changes)
            except BaseException:
                change_set.discard()
                raise
            change_set.execute()
            self._begun(place, request.name, before)
            return True

    def _begun(self, place: Place, name: str, before: Any) -> None:
        """Until the stack shows that it is being changed: a look before that would take it for done."""
        was = (before["StackStatus"], before.get("LastUpdatedTime"))
        for _ in looks(self._aws, _BEGIN_SECONDS, first=_BEGIN_PAUSE, longest=_BEGIN_PAUSE):
            shown = self._described(place, name)
            if shown is None or (shown["StackStatus"], shown.get("LastUpdatedTime")) != was:
                return

    def settled(self, place: Place, name: str) -> StackFacts:
        with translated(place, f"waiting for stack {name}"):
            shown = self._at_rest(place, name)
            if shown["StackStatus"] in _ENDED_WELL:
                return self._facts(place, shown)
            reason = self._first_failure(place, shown)
            status = shown["StackStatus"]
            way = way_out(name, place, status, shown.get("StackStatusReason") or "")
            raise RolloutFailed(
                f"stack {name} in {place} ended in {status}: {reason}",
                fix=way
                or "mend the resource or the permission that the reason names, then do the same again",
            )

    def _client(self, place: Place) -> "CloudFormationClient":
        client: CloudFormationClient = self._aws.client(place, "cloudformation")
        return client

    def _described(self, place: Place, name: str) -> Any | None:
        try:
            stacks = self._client(place).describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error_code(error) == "ValidationError" and "does not exist" in error_message(error):
                return None
            raise
        return next((stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"), None)

    def _facts(self, place: Place, shown: Any) -> StackFacts:
        body = ""
        if shown["StackStatus"] != "REVIEW_IN_PROGRESS":  # only a change set, no template yet
            answer = self._client(place).get_template(StackName=shown["StackId"], TemplateStage="Original")
            body = str(answer["TemplateBody"])
        outputs = _outputs(shown)
        return StackFacts(
            name=shown["StackName"],
            status=shown["StackStatus"],
            status_reason=shown.get("StackStatusReason") or "",
            template=(marked(outputs) or canonical.sha256(body.encode())) if body else "",
            parameters={
                item["ParameterKey"]: item.get("ParameterValue", "") for item in shown.get("Parameters") or []
            },
            outputs=outputs,
            body=body,
        )

    def _delete(self, place: Place, name: str) -> None:
        self._client(place).delete_stack(StackName=name)
        left = self._wait(place, name, lambda status: status == "DELETE_FAILED")
        if left is not None:
            raise Misconfigured(
                f"stack {name} in {place}, which failed to be created before, cannot be removed: "
                f"{left['StackStatus']}: {self._first_failure(place, left)}",
                fix=f"delete it in the console, {_TRY_AGAIN}",
            )

    def _at_rest(self, place: Place, name: str) -> Any:
        shown = self._wait(place, name)
        if shown is None:
            raise ForeignChange(
                f"stack {name} in {place} does not exist any more",
                fix=f"see CloudTrail for who deleted it, {_TRY_AGAIN}: it observes and plans afresh",
            )
        return shown

    def _wait(
        self,
        place: Place,
        name: str,
        is_final: Callable[[str], bool] = lambda status: not is_under_way(status),
    ) -> Any | None:
        """The stack when nothing is going on any more, however it ended. None: it does not exist."""
        shown: Any = None
        for _ in looks(self._aws, _SETTLE_SECONDS, longest=_LONGEST_PAUSE):
            shown = self._described(place, name)
            if shown is None or is_final(shown["StackStatus"]):
                return shown
        minutes = f"{_SETTLE_SECONDS / 60:.0f} minutes"
        raise Unavailable(
            f"stack {name} in {place} is still {shown['StackStatus']} after {minutes}",
            fix=f"look at its events in the console, {_TRY_AGAIN}",
        )

    def _first_failure(self, place: Place, shown: Any) -> str:
        """The event of the last operation that started the trouble: later ones say "cancelled"."""
        first = None
        pages = (
            self._client(place).get_paginator("describe_stack_events").paginate(StackName=shown["StackId"])
        )
        for event in (event for page in pages for event in page["StackEvents"]):  # newest first
            status = event.get("ResourceStatus", "")
            reason = event.get("ResourceStatusReason") or ""
            of_the_stack = event.get("PhysicalResourceId") == shown["StackId"]
            if status.endswith("_FAILED") and "cancelled" not in reason and not of_the_stack:
                kind = event.get("ResourceType") or "of no type"
                first = f"{event.get('LogicalResourceId')} ({kind}): {reason or status}"
            if of_the_stack and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
                break
        return first or shown.get("StackStatusReason") or "AWS gave no reason"


def _call(request: StackRequest, before: Any | None, *, keep_template: bool = False) -> Any:
    """What CreateStack, UpdateStack and CreateChangeSet share.

    The token makes a repeated call the same operation. It also names the state that the call starts from:
    putting an older template back must not look like a repetition of when it was new.
    """
    template = "" if keep_template else request.template
    parameters, tags = dict(request.parameters), dict(request.tags)
    state = [before["StackId"], str(before.get("LastUpdatedTime", ""))] if before else []
    token = canonical.digest([request.name, template, parameters, tags, state])
    return {
        "StackName": request.name,
        **({"UsePreviousTemplate": True} if keep_template else {"TemplateBody": template}),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": parameters[key]} for key in sorted(parameters)
        ],
        "Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "ClientRequestToken": token,
    }


def _keeps_more(shown: Any, template: str) -> bool:
    """Whether a stack is at this template, and has beside it what an earlier one had."""
    return marked(_outputs(shown)) == canonical.sha256(template.encode())


def _outputs(shown: Any) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in shown.get("Outputs") or []}


def _is_made_of(stack: StackFacts, request: StackRequest) -> bool:
    # the stack shows parameters that the template fills in by default as well
    return stack.template == canonical.sha256(request.template.encode()) and all(
        stack.parameters.get(key) == value for key, value in request.parameters.items()
    )


def _is_ending_badly(status: str) -> bool:
    """It is being removed, or its creation is being taken back: what comes after is a new stack."""
    return status in ("DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")


def _refuse_large(request: StackRequest) -> None:
    size = len(request.template.encode())
    if size > MAX_TEMPLATE:
        raise Misconfigured(
            f"the template of stack {request.name} has {size} bytes; CloudFormation takes {MAX_TEMPLATE}",
            fix="split the service, or take comments and repetitions out of its template",
        )


def _refuse_stuck(place: Place, shown: Any) -> None:
    name, status = shown["StackName"], shown["StackStatus"]
    if status in NEVER_CREATED:
        raise ForeignChange(
            f"stack {name} in {place} is {status}: it was never created completely",
            fix=f"{_TRY_AGAIN[5:]}: it observes afresh, removes the stack and creates it",
        )
    if (way := way_out(name, place, status, shown.get("StackStatusReason") or "")) is not None:
        raise Misconfigured(
            f"stack {name} in {place} is stuck in {status}: {shown.get('StackStatusReason') or 'no reason'}",
            fix=f"{way}, {_TRY_AGAIN}",
        )
