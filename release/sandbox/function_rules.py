"""What a function may be: the rules of CreateFunction, UpdateFunctionCode and UpdateFunctionConfiguration.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html says which value each setting takes,
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html how large things may be. Each check
answers what AWS would, or None where it has nothing against the values.
"""

import base64
import binascii
import functools
import json
import re
from collections.abc import Iterable
from typing import Any

import botocore.loaders

from release.sandbox import emulator
from release.sandbox.emulator import Answer

_ROLE = re.compile(r"arn:aws[a-zA-Z-]*:iam::(\d{12}):role/?([a-zA-Z_0-9+=,.@\-_/]+)")
_ROLE_PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
_ENVIRONMENT_BYTES = 4096
_DIRECT_UPLOAD_BYTES = 50 * 1024 * 1024
# The limit of the whole request, in which the zip stands as base64; AWS names the number in its answer.
REQUEST_BYTES = 70_167_211
_LIMITS = {"Timeout": (1, 900), "MemorySize": (128, 10240)}
_HANDLER_CHARACTERS = 128
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
_RESERVED = frozenset(
    (
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    )
)


def refusal_of_new(data: dict[str, Any]) -> Answer | None:
    """Why CreateFunction refuses these parameters, its Code aside."""
    is_image = data.get("PackageType") == "Image" or "ImageUri" in (data.get("Code") or {})
    if not is_image and not (data.get("Runtime") and data.get("Handler")):
        return _invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    if not data.get("Role"):
        return _constraint("role", None, "Member must not be null")
    return refusal_of_settings(data)


def refusal_of_settings(data: dict[str, Any]) -> Answer | None:
    """Why UpdateFunctionConfiguration refuses these parameters. Those that are absent stay as they are."""
    return (
        _refusal_of_numbers(data)
        or _refusal_of_handler(data.get("Handler"))
        or _refusal_of_runtime(data.get("Runtime"))
        or _refusal_of_environment((data.get("Environment") or {}).get("Variables") or {})
        or refusal_of_role(data.get("Role"))
    )


def refusal_of_role(arn: str | None) -> Answer | None:
    """The role must exist, be of this account and let lambda.amazonaws.com assume it.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html; that a role of another
    account cannot be passed is in https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html.
    """
    if not arn:
        return None
    matched = _ROLE.fullmatch(arn)
    if matched is None:
        return _constraint("role", arn, f"Member must satisfy regular expression pattern: {_ROLE_PATTERN}")
    account, path = matched.groups()
    if account != emulator.responses.get_account_id():
        return emulator.refusal("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    role = emulator.iam._roles.get_scoped(account, None, path.rsplit("/", 1)[-1])
    if role is None or role["Arn"] != arn or not _lets_lambda_in(role["AssumeRolePolicyDocument"]):
        return _invalid("The role defined for the function cannot be assumed by Lambda.")
    return None


def refusal_of_code(data: dict[str, Any], layers: Iterable[Any]) -> Answer | None:
    """Why Lambda does not take this zip (`ZipFile` in base64, or where it lies in S3) with these layers.

    At most 50 MB sent directly, and 250 MB unzipped with its layers:
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution
    """
    service = emulator.lambda_service
    code: bytes | None = None
    if "ZipFile" in data:
        try:
            code = base64.b64decode(data["ZipFile"])
        except (binascii.Error, TypeError, ValueError):
            code = b""
        if len(code) > _DIRECT_UPLOAD_BYTES:
            return _invalid(f"Zipped size must be smaller than {_DIRECT_UPLOAD_BYTES} bytes")
    elif data.get("S3Bucket") and data.get("S3Key"):
        code = service._fetch_code_from_s3(data["S3Bucket"], data["S3Key"], data.get("S3ObjectVersion"))
    unreadable: Answer | None = service._reject_unreadable_zip(code)
    too_large: Answer | None = unreadable or service._validate_total_unzipped_size(code, list(layers))
    return too_large


def refusal_of_request(operation: str, size_bytes: int) -> Answer | None:
    """Why Lambda does not read a request of this size: its base64 would be a zip of more than 50 MB."""
    if size_bytes <= REQUEST_BYTES:
        return None
    return emulator.refusal(
        "RequestEntityTooLargeException",
        f"Request must be smaller than {REQUEST_BYTES} bytes for the {operation} operation",
        413,
    )


@functools.cache
def runtimes() -> tuple[str, ...]:
    """The runtimes of the Lambda API, as botocore's description of the service lists them."""
    described = botocore.loaders.Loader().load_service_model("lambda", "service-2")
    return tuple(described["shapes"]["Runtime"]["enum"])


def _refusal_of_numbers(data: dict[str, Any]) -> Answer | None:
    for name, (least, most) in _LIMITS.items():
        value, member = data.get(name), name[0].lower() + name[1:]
        if value is None:
            continue
        if int(value) < least:
            return _constraint(member, value, f"Member must have value greater than or equal to {least}")
        if int(value) > most:
            return _constraint(member, value, f"Member must have value less than or equal to {most}")
    return None


def _refusal_of_handler(handler: str | None) -> Answer | None:
    if not handler:
        return None
    if len(handler) > _HANDLER_CHARACTERS:
        rule = f"Member must have length less than or equal to {_HANDLER_CHARACTERS}"
        return _constraint("handler", handler, rule)
    if re.search(r"\s", handler):
        return _constraint("handler", handler, r"Member must satisfy regular expression pattern: [^\s]+")
    return None


def _refusal_of_runtime(runtime: str | None) -> Answer | None:
    if not runtime or runtime in runtimes():
        return None
    return _invalid(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        f"[{', '.join(runtimes())}] or be a valid ARN"
    )


def _refusal_of_environment(variables: dict[str, Any]) -> Answer | None:
    because = (
        "Lambda was unable to configure your environment variables because the environment variables "
        "you have provided"
    )
    if reserved := sorted(variables.keys() & _RESERVED):
        return _invalid(
            f"{because} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > _ENVIRONMENT_BYTES:
        return _invalid(f"{because} exceeded the 4KB limit. String measured: {measured}")
    return None


def _lets_lambda_in(trust_policy: str) -> bool:
    """Whether a statement lets the service lambda.amazonaws.com assume the role, and none forbids it.

    Conditions are left aside: the values that they ask for come with the invocation.
    """
    statements = json.loads(trust_policy or "{}").get("Statement") or []
    effects = set()
    for statement in [statements] if isinstance(statements, dict) else statements:
        actions, principal = statement.get("Action") or [], statement.get("Principal") or {}
        services = principal.get("Service") or [] if isinstance(principal, dict) else [principal]
        if _names(actions, {"sts:AssumeRole", "sts:*", "*"}) and _names(
            services, {"lambda.amazonaws.com", "*"}
        ):
            effects.add(statement.get("Effect"))
    return effects == {"Allow"}


def _names(given: str | list[str], wanted: set[str]) -> bool:
    return not wanted.isdisjoint([given] if isinstance(given, str) else given)


def _constraint(member: str, value: object, rule: str) -> Answer:
    shown = "null" if value is None else f"'{value}'"
    message = f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: {rule}"
    return emulator.refusal("ValidationException", message, 400)


def _invalid(message: str) -> Answer:
    return emulator.refusal("InvalidParameterValueException", message, 400)
