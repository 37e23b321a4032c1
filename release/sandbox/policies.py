"""Which action of IAM a call of Lambda takes, where policies of roles are asked.

ministack takes every read of an alias for ListAliases and every write for CreateAlias. On AWS each operation
is an action of its own, of the same name but for Invoke:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from release.sandbox import emulator, operations
from release.sandbox.compatibility import replace

_OTHER_NAMES = {"Invoke": "InvokeFunction", "InvokeAsync": "InvokeFunction"}


def install() -> None:
    replace(emulator.iam_actions, "_lambda_action", ("method", "path"), _action)


def _action(method: str, path: str) -> str | None:
    named = operations.named_by_path("lambda", method, path, {}, ())
    return _OTHER_NAMES.get(named.operation, named.operation) or None
