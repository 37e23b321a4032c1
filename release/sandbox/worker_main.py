"""The program of one execution environment: runs the handler under AWS's runtime client, or without it.

Started by `worker.py` as a script, outside the package: it may import nothing of `release`, because a
handler sees only its own zip and what the managed runtime has. Standard input is a lifeline: when the sandbox
is gone, so is this process.
"""

import http.client
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

_API = "/2018-06-01/runtime"


def main() -> None:
    _die_with_the_sandbox()
    pure_python = os.environ.pop("RELEASE_SANDBOX_PURE_PYTHON_RUNTIME", "") == "1"
    handler = os.environ["_HANDLER"]
    if port := os.environ.pop("RELEASE_SANDBOX_DEBUG_PORT", ""):
        debugpy = importlib.import_module("debugpy")
        debugpy.listen(("127.0.0.1", int(port)))
        debugpy.wait_for_client()
    if pure_python:
        _serve(handler)
        return
    # awslambdaric has no wheel for macOS, and without its native module it kills every handler.
    importlib.import_module("awslambdaric.__main__").main([sys.argv[0], handler])


def _die_with_the_sandbox() -> None:
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


class Identity:
    """Of whom Amazon Cognito knows, which is nobody here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """The second argument of a handler: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, request_id: str, function_arn: str, deadline_ms: int) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        self.client_context = None
        self.tenant_id = None
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: str) -> None:
        sys.stdout.write(str(message))


def _serve(handler: str) -> None:
    """The loop of a runtime in plain Python: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    request_of_log = _log_as_lambda_does()
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        function = _load(handler)
    except Exception as error:
        _post(api, f"{_API}/init/error", _description(error, ""))
        raise SystemExit(1) from error
    while True:
        api.request("GET", f"{_API}/invocation/next")
        response = api.getresponse()
        body, headers = response.read(), response.headers
        request_of_log["aws_request_id"] = request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        arn, deadline = headers["Lambda-Runtime-Invoked-Function-Arn"], headers["Lambda-Runtime-Deadline-Ms"]
        try:
            result = _marshal(function(json.loads(body), Context(request_id, arn, int(deadline))))
        except Exception as error:
            description = _description(error, request_id)
            print(f"[ERROR] {description['errorType']}: {description['errorMessage']}", flush=True)
            traceback.print_exc(file=sys.stdout)
            _post(api, f"{_API}/invocation/{request_id}/error", description)
            continue
        api.request("POST", f"{_API}/invocation/{request_id}/response", result)
        api.getresponse().read()


def _log_as_lambda_does() -> dict[str, str]:
    """What is put into what it returns is in every line.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """
    lines = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    fields = {"aws_request_id": ""}
    formatter = logging.Formatter(lines, "%Y-%m-%dT%H:%M:%S", defaults=fields)
    formatter.converter = time.gmtime
    to_output = logging.StreamHandler(sys.stdout)
    to_output.setFormatter(formatter)
    logging.getLogger().addHandler(to_output)
    return fields


def _load(handler: str) -> Callable[[Any, Context], Any]:
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        message = f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
        raise RuntimeFault("MalformedHandlerName", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFault(
            "ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        raise RuntimeFault(
            "UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}"
        ) from error
    try:
        function: Callable[[Any, Context], Any] = getattr(module, function_name)
    except AttributeError as error:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise RuntimeFault("HandlerNotFound", message) from error
    return function


def _marshal(result: Any) -> bytes:
    if isinstance(result, bytes):
        return result
    try:
        return json.dumps(result, default=_number).encode()
    except (TypeError, ValueError) as error:
        raise RuntimeFault("MarshalError", f"Unable to marshal response: {error}") from error


def _number(value: Any) -> float:
    """A Decimal, as DynamoDB gives them to handlers: AWS's client takes it, the json module does not."""
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class RuntimeFault(Exception):
    """A fault of the deployment rather than of the handler's own code; AWS names it `Runtime.<kind>`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.error_type = f"Runtime.{kind}"


def _description(error: Exception, request_id: str) -> dict[str, Any]:
    fault = isinstance(error, RuntimeFault)
    return {
        "errorMessage": str(error),
        "errorType": getattr(error, "error_type", type(error).__name__),
        "requestId": request_id,
        "stackTrace": [] if fault else traceback.format_tb(error.__traceback__)[1:],
    }


def _post(api: http.client.HTTPConnection, path: str, description: dict[str, Any]) -> None:
    api.request("POST", path, json.dumps(description).encode())
    api.getresponse().read()


if __name__ == "__main__":
    main()
