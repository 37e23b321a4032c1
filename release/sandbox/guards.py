"""What Lambda's control plane refuses, and how an update settles.

ministack takes what AWS refuses: an update during an update, a stale or wrong CodeSha256, code that S3 does
not give. A deployer tested against that would fail in production, so each rule here is one that AWS documents
for the call.
"""

import base64
import contextlib
import contextvars
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from release.sandbox import code_access, emulator, function_rules
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

# CloudFormation waits where an API caller is refused with 409.
_WAITS = contextvars.ContextVar("waits_for_updates", default=False)
_STABILISE_SECONDS = 30.0


class Guards:
    """Guards code, configuration and versions; `settle_seconds` is how long an update stays InProgress."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds

    def install(self) -> None:
        service = emulator.lambda_service
        self._create = replace(service, "_create_function", ("data",), self.create)
        self._update_code = replace(service, "_update_code", ("name", "data"), self.update_code)
        self._update_config = replace(service, "_update_config", ("name", "data"), self.update_config)
        self._publish = replace(service, "_publish_version", ("name", "data"), self.publish)
        replace(service, "_schedule_state_transition", ("func_name", "delay"), self.settle_later)

    def create(self, data: dict[str, Any]) -> Answer:
        code = data.get("Code") or {}
        refusal = (
            function_rules.refusal_of_new(data)
            or code_access.refusal_of(code)
            or function_rules.refusal_of_code(code, data.get("Layers") or ())
        )
        answer: Answer = refusal or self._create(data)
        if answer[0] != 201 or not data.get("Publish"):
            return answer
        return 201, answer[1], _published(data["FunctionName"], json.loads(answer[2])["Version"])

    def update_code(self, name: str, data: dict[str, Any]) -> Answer:
        return self._when_idle(name, lambda: self._update_code_once(name, data))

    def update_config(self, name: str, data: dict[str, Any]) -> Answer:
        def update() -> Answer:
            known = emulator.lambda_service._functions.get(name)
            refusal = known and (
                emulator.lambda_service._check_revision(known["config"], data)
                or function_rules.refusal_of_settings(data)
            )
            if refusal:
                return refusal
            state = _state(name)
            answer: Answer = self._update_config(name, data)
            return _keep_state(name, state, answer)

        return self._when_idle(name, update)

    def publish(self, name: str, data: dict[str, Any]) -> Answer:
        function = emulator.lambda_service._functions.get(name)
        if function is None:
            answer: Answer = self._publish(name, data)
            return answer
        current = function["config"]
        if refusal := _in_progress(name) or emulator.lambda_service._check_revision(current, data):
            return refusal
        if data.get("CodeSha256") not in (None, "", current.get("CodeSha256")):
            return emulator.refusal(
                "InvalidParameterValueException",
                f"CodeSHA256 ({data['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
                f"({current.get('CodeSha256')}). Please try again with the CodeSHA256 in $LATEST.",
                400,
            )
        known = set(function["versions"])
        answer = self._publish(name, data)
        version = function["versions"][json.loads(answer[2])["Version"]]["config"]
        if version["Version"] in known:
            return answer
        # A new version is Pending until its execution environment is ready; invoking it before is refused.
        version.update(
            State="Pending", StateReason="The function is being created.", StateReasonCode="Creating"
        )
        self.settle_later(name, self._settle_seconds)
        return answer[0], answer[1], json.dumps(version).encode()

    def settle_later(self, func_name: str, delay: float) -> None:
        """Ends the update of a function (in the account and region of this request) after the settle time."""
        context = contextvars.copy_context()
        timer = threading.Timer(self._settle_seconds, context.run, (_settle, func_name))
        timer.daemon = True
        timer.start()

    def _update_code_once(self, name: str, data: dict[str, Any]) -> Answer:
        function = emulator.lambda_service._functions.get(name)
        if function is None:
            answer: Answer = self._update_code(name, data)
            return answer
        if refusal := (
            emulator.lambda_service._check_revision(function["config"], data)
            or code_access.refusal_of(data)
            or function_rules.refusal_of_code(data, function["config"].get("Layers") or ())
        ):
            return refusal
        if data.get("DryRun"):
            return _as_if_updated(function["config"], data)
        state = _state(name)
        answer = _keep_state(name, state, self._update_code(name, data))
        if answer[0] != 200 or not data.get("Publish"):
            return answer
        return 200, answer[1], _published(name, json.loads(answer[2])["Version"])

    def _when_idle(self, name: str, update: Any) -> Answer:
        """Runs `update` when no other is in progress: else refuses, or waits where CloudFormation asks."""
        locked = emulator.lambda_service._serialized_revision_update()(
            lambda _name: _in_progress(name) or update()
        )
        while True:
            if _WAITS.get():
                wait_until_settled(name)
            answer: Answer = locked(name)
            if answer[0] != 409 or not _WAITS.get():
                return answer


@contextlib.contextmanager
def waiting_for_updates() -> Iterator[None]:
    """In this block a busy function is waited for, as CloudFormation does. Not for the event loop."""
    token = _WAITS.set(True)
    try:
        yield
    finally:
        _WAITS.reset(token)


def wait_until_settled(name: str) -> None:
    """Returns when no update of the function is in progress. Raises TimeoutError after half a minute."""
    deadline = time.monotonic() + _STABILISE_SECONDS
    while _in_progress(name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"function {name} did not stabilise within {_STABILISE_SECONDS:.0f} s")
        time.sleep(0.01)


def _settle(name: str) -> None:
    function = emulator.lambda_service._functions.get(name)
    if function is None:
        return
    revision = function["config"]["RevisionId"]
    for record in (function, *function["versions"].values()):
        config = record["config"]
        if config.get("State") == "Pending" or config.get("LastUpdateStatus") == "InProgress":
            # One update of the dict, which no other thread sees half of: a caller that is told of the success
            # must be told the revision that is valid from then on. The one before goes stale, as on AWS.
            config.update(
                State="Active",
                StateReason="",
                StateReasonCode="",
                LastUpdateStatus="Successful",
                LastUpdateStatusReason="",
                LastUpdateStatusReasonCode="",
                RevisionId=str(uuid.uuid4()),
            )
    for version in tuple(function["versions"].values()):  # requests may add one meanwhile
        if version.get("function_revision") == revision:
            version["function_revision"] = function["config"]["RevisionId"]


def settle_all() -> None:
    """Ends every update that was in progress when the state was saved."""
    for account, region, name in list(emulator.lambda_service._functions._data):
        with emulator.responses.request_scope(account, region):
            _settle(name)


def _published(name: str, number: str) -> bytes:
    """The version that came with a change of the function, as it is answered.

    ministack leaves it with the ARN of the function and without a revision of its own.
    """
    function = emulator.lambda_service._functions[name]
    version = function["versions"][number]
    arn = f"{emulator.lambda_service._func_arn(name)}:{number}"
    version["config"].update(FunctionArn=arn, RevisionId=str(uuid.uuid4()), State="Pending")
    version["function_revision"] = function["config"]["RevisionId"]
    return json.dumps(version["config"]).encode()


def _in_progress(name: str) -> Answer | None:
    function = emulator.lambda_service._functions.get(name)
    if function is None or function["config"].get("LastUpdateStatus") != "InProgress":
        return None
    return emulator.refusal(
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: "
        f"{function['config']['FunctionArn']}",
        409,
    )


def _state(name: str) -> str:
    function = emulator.lambda_service._functions.get(name)
    return str(function["config"].get("State")) if function else ""


def _keep_state(name: str, state: str, answer: Answer) -> Answer:
    """An Active function stays Active while it is updated, with its old code; ministack makes it Pending."""
    if answer[0] != 200 or state != "Active":
        return answer
    config = emulator.lambda_service._functions[name]["config"]
    config.update(State="Active", StateReason="", StateReasonCode="")
    shown = json.loads(answer[2])
    shown.update(State="Active", StateReason="", StateReasonCode="")
    return answer[0], answer[1], json.dumps(shown).encode()


def _as_if_updated(config: dict[str, Any], data: dict[str, Any]) -> Answer:
    code = base64.b64decode(data["ZipFile"]) if "ZipFile" in data else None
    if code is None and "S3Bucket" in data:
        code = emulator.lambda_service._fetch_code_from_s3(
            data["S3Bucket"], data["S3Key"], data.get("S3ObjectVersion")
        )
    shown = dict(config)
    if code is not None:
        shown.update(CodeSha256=base64.b64encode(hashlib.sha256(code).digest()).decode(), CodeSize=len(code))
    return 200, {"Content-Type": "application/json"}, json.dumps(shown).encode()
