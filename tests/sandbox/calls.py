"""Short forms of AWS calls that many tests here make."""

import base64
import hashlib
import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::{account}:role/function"
ECHO = "def handler(event, context):\n    return {'release': %r, 'version': context.function_version}\n"


def zipped(source: str, name: str = "app.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), source)
    return buffer.getvalue()


def digest(zip_bytes: bytes) -> str:
    """CodeSha256 of a zip."""
    return base64.b64encode(hashlib.sha256(zip_bytes).digest()).decode()


def settled(functions: Any, name: str, version: str = "$LATEST") -> dict[str, Any]:
    """The configuration of the function once it is Active and its last update has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found: dict[str, Any] = functions.get_function(FunctionName=name, Qualifier=version)["Configuration"]
        if found["State"] == "Active" and found["LastUpdateStatus"] == "Successful":
            return found
        time.sleep(0.01)
    raise AssertionError(f"{name} did not settle")


def create_function(
    functions: Any, account: str, source: str, name: str = "orders", **settings: Any
) -> dict[str, Any]:
    functions.create_function(
        FunctionName=name,
        Role=ROLE.format(account=account),
        Code={"ZipFile": zipped(source)},
        **{"Runtime": "python3.13", "Handler": "app.handler", "Timeout": 10, **settings},
    )
    return settled(functions, name)


def publish(functions: Any, source: str, name: str = "orders") -> str:
    """Updates the code and publishes it; the version's number once it is Active."""
    functions.update_function_code(FunctionName=name, ZipFile=zipped(source))
    settled(functions, name)
    version: str = functions.publish_version(FunctionName=name)["Version"]
    settled(functions, name, version)
    return version


def refused(call: Callable[..., Any], /, **arguments: Any) -> tuple[str, int, str]:
    """The code, HTTP status and message with which AWS refuses this call; fails when it does not."""
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        return (
            answer["Error"]["Code"],
            answer["ResponseMetadata"]["HTTPStatusCode"],
            answer["Error"]["Message"],
        )
    raise AssertionError("the call was not refused")
