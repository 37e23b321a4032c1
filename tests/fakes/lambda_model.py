"""AWS Lambda's control plane in memory, called as a botocore client is: `LambdaModel().client(place)`.

Every rule is one that AWS documents; tests/contract holds it to the same cases as the sandbox. Requests are
checked against botocore's description of the service, so a misspelt parameter fails here too. An update stays
InProgress, and a version Pending, for as many reads of GetFunction as the model is told.
"""

import base64
import functools
import hashlib
import io
import itertools
import json
import re
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

from release.core.models import Place
from release.core.snapshot import Invocation

LATEST = "$LATEST"
PAGE = 50
SETTINGS = (
    *("Runtime", "Role", "Handler", "Timeout", "MemorySize", "Environment", "DeadLetterConfig"),
    *(
        "Layers",
        "VpcConfig",
        "TracingConfig",
        "KMSKeyArn",
        "EphemeralStorage",
        "LoggingConfig",
        "Architectures",
    ),
)
Handler = Callable[[Place, str, str, bytes], Invocation]
Bucket = Callable[[str, str], bytes | None]  # bucket and key to the object


@dataclass
class Version:
    """`$LATEST` or what was published of it, as GetFunction shows it."""

    config: dict[str, Any]
    zip: bytes

    @property
    def number(self) -> str:
        return str(self.config["Version"])


@dataclass
class Function:
    latest: Version
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    next_version: int = 1
    unpublished: bool = True  # since an update, publishing makes a new version, even of the same bytes
    concurrency: int | None = None
    reads_to_settle: int = 0
    pending_zip: bytes | None = None  # what the update under way brings, None where it brings no code
    failure: str | None = None  # how the update under way will end
    past: dict[str, list[tuple[float, dict[str, Any] | None]]] = field(default_factory=dict)  # of aliases


class LambdaModel:
    """All functions of all places. Safe for threads: one call at a time.

    `handler` answers invocations; without one the code in the zip runs. `bucket` gives what is in S3,
    `is_role` tells the ARNs of roles that Lambda may assume.
    """

    def __init__(
        self,
        *,
        settle_reads: int = 1,
        handler: Handler | None = None,
        bucket: Bucket = lambda _bucket, _key: None,
        is_role: Callable[[str], bool] = lambda _arn: True,
    ) -> None:
        self.handler = handler or self.run
        self.bucket = bucket
        self.is_role = is_role
        self.settle_reads = settle_reads
        self.functions: dict[tuple[Place, str], Function] = {}
        self.next_failure: dict[tuple[Place, str], str] = {}
        self.lock = threading.RLock()
        self.clock: Callable[[], float] = lambda: 0.0
        self._revisions = itertools.count(1)
        self._turns = itertools.count()

    def client(self, place: Place) -> "LambdaClient":
        return LambdaClient(self, place)

    def revision(self) -> str:
        return f"revision-{next(self._revisions)}"

    # -- what the API does ----------------------------------------------------------------------------------

    def create_function(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        name = wanted["FunctionName"]
        if (place, name) in self.functions:
            refuse("CreateFunction", "ResourceConflictException", f"Function already exist: {name}", 409)
        self._check_role("CreateFunction", wanted["Role"])
        _check_runtime("CreateFunction", wanted.get("Runtime"))
        code = self._code("CreateFunction", wanted["Code"])
        config = {
            "FunctionName": name,
            "FunctionArn": _arn(place, name),
            "Version": LATEST,
            "CodeSha256": code_sha256(code),
            "Description": wanted.get("Description", ""),
            "RevisionId": self.revision(),
            "State": "Pending",
            "StateReason": "The function is being created.",
            "StateReasonCode": "Creating",
            "LastUpdateStatus": "InProgress",
            "Timeout": 3,
            "MemorySize": 128,
            **{key: wanted[key] for key in SETTINGS if key in wanted},
        }
        function = Function(Version(config, code), reads_to_settle=self.settle_reads)
        self.functions[place, name] = function
        return self._publish(place, function, "") if wanted.get("Publish") else dict(config)

    def get_function(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._function("GetFunction", place, wanted["FunctionName"])
        self._time_passes(function)
        version = self._version("GetFunction", place, function, wanted.get("Qualifier"))
        config = dict(version.config)
        qualifier = wanted.get("Qualifier", LATEST)
        if qualifier in function.aliases:
            config["FunctionArn"] = _arn(place, wanted["FunctionName"], qualifier)
        shown: dict[str, Any] = {"Configuration": config, "Code": {"RepositoryType": "S3"}}
        if function.concurrency is not None:
            shown["Concurrency"] = {"ReservedConcurrentExecutions": function.concurrency}
        return shown

    def update_function_code(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._idle("UpdateFunctionCode", place, wanted)
        code = self._code("UpdateFunctionCode", wanted)
        config = function.latest.config
        if wanted.get("DryRun"):
            return {**config, "CodeSha256": code_sha256(code)}
        function.failure = self.next_failure.pop((place, wanted["FunctionName"]), None)
        function.pending_zip = code
        config["CodeSha256"] = code_sha256(code)
        self._updating(function)
        return self._publish(place, function, "") if wanted.get("Publish") else dict(config)

    def update_function_configuration(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._idle("UpdateFunctionConfiguration", place, wanted)
        if "Role" in wanted:
            self._check_role("UpdateFunctionConfiguration", wanted["Role"])
        if "Runtime" in wanted:
            _check_runtime("UpdateFunctionConfiguration", wanted["Runtime"])
        known = (*SETTINGS, "Description")
        function.latest.config.update({key: wanted[key] for key in known if key in wanted})
        self._updating(function)
        return dict(function.latest.config)

    def publish_version(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._idle("PublishVersion", place, wanted)
        held = function.latest.config["CodeSha256"]
        if wanted.get("CodeSha256") not in (None, "", held):
            refuse(
                "PublishVersion",
                "InvalidParameterValueException",
                f"CodeSHA256 ({wanted['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
                f"({held}). Please try again with the CodeSHA256 in $LATEST.",
            )
        if not function.unpublished:
            return dict(next(reversed(function.versions.values())).config)
        return self._publish(
            place, function, wanted.get("Description", function.latest.config["Description"])
        )

    def list_versions_by_function(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._function("ListVersionsByFunction", place, wanted["FunctionName"])
        shown = [_listed(version.config) for version in (function.latest, *function.versions.values())]
        return _page(shown, "Versions", wanted)

    def list_functions(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        here = [_listed(one.latest.config) for (at, _), one in self.functions.items() if at == place]
        return _page(here, "Functions", wanted)

    def delete_function(self, place: Place, wanted: dict[str, Any]) -> None:
        name, qualifier = wanted["FunctionName"], wanted.get("Qualifier")
        function = self._function("DeleteFunction", place, name)
        if qualifier is None:
            del self.functions[place, name]
            return
        users = [alias["Name"] for alias in function.aliases.values() if qualifier in _serves(alias)]
        if users:
            refuse(
                "DeleteFunction",
                "ResourceConflictException",
                f"Function version {qualifier} is referenced by alias {users[0]}.",
                409,
            )
        if function.versions.pop(qualifier, None) is None:
            _not_found("DeleteFunction", place, name, qualifier)

    def create_alias(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._function("CreateAlias", place, wanted["FunctionName"])
        if re.fullmatch(r"(?![0-9]+$)[a-zA-Z0-9_-]{1,128}", wanted["Name"]) is None:
            message = f"Value '{wanted['Name']}' at 'name' failed to satisfy constraint"
            refuse("CreateAlias", "ValidationException", f"1 validation error detected: {message}")
        arn = _arn(place, wanted["FunctionName"], wanted["Name"])
        if wanted["Name"] in function.aliases:
            refuse("CreateAlias", "ResourceConflictException", f"Alias already exists: {arn}", 409)
        self._check_routing("CreateAlias", place, function, wanted)
        alias = {
            "AliasArn": arn,
            "Name": wanted["Name"],
            "FunctionVersion": wanted["FunctionVersion"],
            "Description": wanted.get("Description", ""),
            "RevisionId": self.revision(),
        }
        function.aliases[wanted["Name"]] = _routed(alias, wanted)
        self._remember(function, wanted["Name"])
        return dict(function.aliases[wanted["Name"]])

    def get_alias(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        return dict(self._alias("GetAlias", place, wanted))

    def list_aliases(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._function("ListAliases", place, wanted["FunctionName"])
        return _page([dict(alias) for alias in function.aliases.values()], "Aliases", wanted)

    def update_alias(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._function("UpdateAlias", place, wanted["FunctionName"])
        alias = self._alias("UpdateAlias", place, wanted)
        _check_revision("UpdateAlias", alias, wanted)
        self._check_routing("UpdateAlias", place, function, {**alias, **wanted})
        alias.update({key: wanted[key] for key in ("FunctionVersion", "Description") if key in wanted})
        alias["RevisionId"] = self.revision()
        _routed(alias, wanted)
        self._remember(function, wanted["Name"])
        return dict(alias)

    def delete_alias(self, place: Place, wanted: dict[str, Any]) -> None:
        function = self.functions.get((place, wanted["FunctionName"]))
        if function is not None:
            function.aliases.pop(wanted["Name"], None)
            self._remember(function, wanted["Name"])

    def put_function_concurrency(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        function = self._function("PutFunctionConcurrency", place, wanted["FunctionName"])
        function.concurrency = wanted["ReservedConcurrentExecutions"]
        return {"ReservedConcurrentExecutions": function.concurrency}

    def delete_function_concurrency(self, place: Place, wanted: dict[str, Any]) -> None:
        self._function("DeleteFunctionConcurrency", place, wanted["FunctionName"]).concurrency = None

    def invoke(self, place: Place, wanted: dict[str, Any]) -> dict[str, Any]:
        name, qualifier = wanted["FunctionName"], wanted.get("Qualifier", LATEST)
        payload = wanted.get("Payload") or b"{}"
        with self.lock:
            function = self._function("Invoke", place, name)
            version = self._version("Invoke", place, function, qualifier, weighted=True)
            if version.config.get("State") == "Pending":
                refuse(
                    "Invoke",
                    "ResourceConflictException",
                    "The operation cannot be performed at this time. "
                    "The function is currently in the following state: Pending",
                    409,
                )
            if function.concurrency == 0:
                refuse("Invoke", "TooManyRequestsException", "Rate Exceeded.", 429)
            _check_payload(payload)
            number = version.number
        if (kind := wanted.get("InvocationType", "RequestResponse")) != "RequestResponse":
            return {"StatusCode": {"Event": 202, "DryRun": 204}[kind], "Payload": io.BytesIO()}
        answer = self.handler(place, name, number, payload)
        shown: dict[str, Any] = {"StatusCode": answer.status, "Payload": io.BytesIO(answer.payload)}
        if answer.executed_version is not None:
            shown["ExecutedVersion"] = answer.executed_version
        if answer.function_error is not None:
            shown["FunctionError"] = answer.function_error
        return shown

    def alias_as_of(self, place: Place, wanted: Mapping[str, Any], moment: float) -> dict[str, Any]:
        """GetAlias from a copy of the control plane that has heard of nothing after this moment.

        "Alias moves are eventually consistent" is what users of weighted aliases report.
        """
        function = self._function("GetAlias", place, wanted["FunctionName"])
        known = [state for at, state in function.past.get(wanted["Name"], ()) if at <= moment]
        if not known or known[-1] is None:
            arn = _arn(place, wanted["FunctionName"], wanted["Name"])
            refuse("GetAlias", "ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
        return dict(known[-1])

    # -- the rules ------------------------------------------------------------------------------------------

    def _function(self, operation: str, place: Place, name: str) -> Function:
        if (place, name) not in self.functions:
            _not_found(operation, place, name)
        return self.functions[place, name]

    def _version(
        self,
        operation: str,
        place: Place,
        function: Function,
        qualifier: str | None,
        *,
        weighted: bool = False,
    ) -> Version:
        if qualifier in (None, LATEST):
            return function.latest
        alias = function.aliases.get(str(qualifier))
        number = str(qualifier) if alias is None else str(alias["FunctionVersion"])
        if alias is not None and weighted:
            number = self._pick(alias)
        if number == LATEST:
            return function.latest
        if number not in function.versions:
            _not_found(operation, place, function.latest.config["FunctionName"], qualifier)
        return function.versions[number]

    def _alias(self, operation: str, place: Place, wanted: Mapping[str, Any]) -> dict[str, Any]:
        function = self._function(operation, place, wanted["FunctionName"])
        if wanted["Name"] not in function.aliases:
            arn = _arn(place, wanted["FunctionName"], wanted["Name"])
            refuse(operation, "ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
        return function.aliases[wanted["Name"]]

    def _remember(self, function: Function, name: str) -> None:
        state = function.aliases.get(name)
        function.past.setdefault(name, []).append((self.clock(), dict(state) if state else None))

    def _pick(self, alias: Mapping[str, Any]) -> str:
        """Spreads calls evenly instead of by lot: of any 100 calls a weight of 0.3 gets 30."""
        turn = next(self._turns)
        for version, weight in _weights(alias).items():
            if int((turn + 1) * weight) > int(turn * weight):
                return version
        return str(alias["FunctionVersion"])

    def _idle(self, operation: str, place: Place, wanted: Mapping[str, Any]) -> Function:
        function = self._function(operation, place, wanted["FunctionName"])
        if function.latest.config["LastUpdateStatus"] == "InProgress":
            arn = function.latest.config["FunctionArn"]
            refuse(
                operation,
                "ResourceConflictException",
                "The operation cannot be performed at this time. "
                f"An update is in progress for resource: {arn}",
                409,
            )
        _check_revision(operation, function.latest.config, wanted)
        return function

    def _updating(self, function: Function) -> None:
        function.latest.config.update(
            RevisionId=self.revision(), LastUpdateStatus="InProgress", LastUpdateStatusReason=None
        )
        function.reads_to_settle = self.settle_reads
        function.unpublished = True

    def _time_passes(self, function: Function) -> None:
        """Time is counted in reads. A revision that an update gave goes stale when it settles, as on AWS."""
        function.reads_to_settle -= 1
        if function.reads_to_settle >= 0:
            return
        if function.latest.config["LastUpdateStatus"] == "InProgress":
            self._settle(function)
        for version in function.versions.values():
            if version.config["State"] == "Pending":
                version.config.update(_ACTIVE, LastUpdateStatus="Successful", RevisionId=self.revision())

    def _settle(self, function: Function) -> None:
        failed = function.failure is not None
        function.latest.config.update(
            _ACTIVE,
            LastUpdateStatus="Failed" if failed else "Successful",
            LastUpdateStatusReason=function.failure,
            RevisionId=self.revision(),
        )
        if function.pending_zip is not None and not failed:
            function.latest.zip = function.pending_zip
        function.latest.config["CodeSha256"] = code_sha256(
            function.latest.zip
        )  # a failure leaves the old code
        function.failure = function.pending_zip = None

    def _publish(self, place: Place, function: Function, description: str) -> dict[str, Any]:
        number = str(function.next_version)
        function.next_version += 1
        function.unpublished = False
        config = {
            **function.latest.config,
            "Version": number,
            "FunctionArn": _arn(place, function.latest.config["FunctionName"], number),
            "Description": description,
            "RevisionId": self.revision(),
            "State": "Pending",
            "StateReason": "The function is being created.",
            "StateReasonCode": "Creating",
        }
        function.versions[number] = Version(config, function.pending_zip or function.latest.zip)
        function.reads_to_settle = max(function.reads_to_settle, 1)
        return dict(config)

    def _code(self, operation: str, source: Mapping[str, Any]) -> bytes:
        if "ZipFile" in source:
            return bytes(source["ZipFile"])
        found = self.bucket(source["S3Bucket"], source["S3Key"])
        if found is None:
            refuse(
                operation,
                "InvalidParameterValueException",
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
                "S3 Error Message: The specified key does not exist.",
            )
        return found

    def _check_role(self, operation: str, role: str) -> None:
        if not self.is_role(role):
            message = "The role defined for the function cannot be assumed by Lambda."
            refuse(operation, "InvalidParameterValueException", message)

    def _check_routing(
        self, operation: str, place: Place, function: Function, wanted: Mapping[str, Any]
    ) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
        main, weights = wanted["FunctionVersion"], _weights(wanted)
        for number in (main, *weights):
            if number != LATEST and number not in function.versions:
                _not_found(operation, place, wanted["FunctionName"], number)
        if not weights:
            return
        invalid = functools.partial(refuse, operation, "InvalidParameterValueException")
        if LATEST in (main, *weights):
            invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if len(weights) > 1:
            invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        ((other, weight),) = weights.items()
        if other == main:
            invalid(f"Invalid function version {other}. It is already included in routing configuration.")
        if not 0 <= weight <= 1:
            invalid(f"Invalid weight {weight}: a weight is between 0.0 and 1.0")
        first, second = function.versions[main].config, function.versions[other].config
        for setting in ("Role", "DeadLetterConfig"):
            if first.get(setting) != second.get(setting):
                invalid(f"Function versions {main} and {other} must have the same {setting}")

    def run(self, place: Place, name: str, number: str, payload: bytes) -> Invocation:
        """The handler in the zip, in this process. Its errors are the function's."""
        function = self.functions[place, name]
        version = function.latest if number == LATEST else function.versions[number]
        module, _, entry = version.config["Handler"].rpartition(".")
        with zipfile.ZipFile(io.BytesIO(version.zip)) as archive:
            source = archive.read(f"{module}.py")
        names: dict[str, Any] = {"__name__": module}
        try:
            exec(compile(source, f"{module}.py", "exec"), names)  # noqa: S102 - code of a test
            answer = names[entry](json.loads(payload), _Context(name, number))
            return Invocation(200, None, number, json.dumps(answer).encode())
        except Exception as error:
            said = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            return Invocation(200, "Unhandled", number, json.dumps(said).encode())


@dataclass(frozen=True)
class _Context:
    function_name: str
    function_version: str


_ACTIVE = {"State": "Active", "StateReason": None, "StateReasonCode": None}


class LambdaClient:
    """The operations of the model with the signature of botocore's client."""

    def __init__(self, model: LambdaModel, place: Place) -> None:
        self._model = model
        self._place = place

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        if method.startswith("_") or method not in _operations():
            raise AttributeError(method)
        return functools.partial(self._call, method)

    def _call(self, method: str, /, **wanted: Any) -> dict[str, Any]:
        try:
            complaint = _complaint(method, tuple((name, type(one), one) for name, one in wanted.items()))
        except TypeError:  # a structure, which cannot be remembered
            complaint = _complaint.__wrapped__(
                method, tuple((name, None, one) for name, one in wanted.items())
            )
        if complaint:
            raise ParamValidationError(report=complaint)
        answer: Callable[..., dict[str, Any] | None] = getattr(self._model, method)
        if method == "invoke":  # a function may take its time, and call the API itself
            return answer(self._place, wanted) or {}
        with self._model.lock:
            return answer(self._place, wanted) or {}


@functools.lru_cache(10_000)
def _complaint(method: str, wanted: tuple[tuple[str, object, object], ...]) -> str:
    """What botocore finds wrong with such a call. The types are said, as 1 equals True and 1.0."""
    given = {name: one for name, _, one in wanted}
    found: str = ParamValidator().validate(given, _operations()[method]).generate_report()
    return found


@functools.cache
def _operations() -> dict[str, Any]:
    """Method of the client -> shape of its input, of what the model knows."""
    model = botocore.session.get_session().get_service_model("lambda")
    names = {botocore.xform_name(name): name for name in model.operation_names}
    return {
        method: model.operation_model(name).input_shape
        for method, name in names.items()
        if hasattr(LambdaModel, method)
    }


@functools.cache
def _runtimes() -> list[str]:
    return list(botocore.session.get_session().get_service_model("lambda").shape_for("Runtime").enum)


def refuse(operation: str, code: str, message: str, status: int = 400) -> NoReturn:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
    }
    raise ClientError(answer, operation)


def _not_found(operation: str, place: Place, name: str, qualifier: str | None = None) -> NoReturn:
    refuse(operation, "ResourceNotFoundException", f"Function not found: {_arn(place, name, qualifier)}", 404)


def _check_revision(operation: str, held: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if wanted.get("RevisionId") not in (None, held["RevisionId"]):
        refuse(
            operation,
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. "
            "Call the GetFunction/GetAlias API to retrieve the latest RevisionId",
            412,
        )


def _check_runtime(operation: str, runtime: str | None) -> None:
    if runtime is not None and runtime not in _runtimes():
        refuse(
            operation,
            "InvalidParameterValueException",
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(_runtimes())}] or be a valid ARN",
        )


def _check_payload(payload: bytes) -> None:
    try:
        json.loads(payload)
    except ValueError:
        message = "Could not parse request body into json: Could not parse payload into json"
        refuse("Invoke", "InvalidRequestContentException", message)


def _arn(place: Place, name: str, qualifier: str | None = None) -> str:
    arn = f"arn:aws:lambda:{place.region}:{place.account}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def _weights(alias: Mapping[str, Any]) -> dict[str, float]:
    return (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}


def _serves(alias: Mapping[str, Any]) -> set[str]:
    return {alias["FunctionVersion"], *_weights(alias)}


def _routed(alias: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Weights change only when they are named: {} ends them."""
    if "RoutingConfig" in wanted:
        alias.pop("RoutingConfig", None)
        if weights := _weights(wanted):
            alias["RoutingConfig"] = {"AdditionalVersionWeights": dict(weights)}
    return alias


def _listed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Lists omit how a function is: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html"""
    left_out = ("State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason")
    return {key: value for key, value in config.items() if key not in left_out}


def _page(found: list[dict[str, Any]], key: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    start = int(wanted.get("Marker") or 0)
    end = start + min(PAGE, wanted.get("MaxItems") or PAGE)
    return {key: found[start:end], **({"NextMarker": str(end)} if end < len(found) else {})}


def code_sha256(code: bytes) -> str:
    return base64.b64encode(hashlib.sha256(code).digest()).decode()
