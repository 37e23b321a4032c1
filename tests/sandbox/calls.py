"""Short forms of AWS calls that many tests here make."""

import base64
import contextlib
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

ECHO = "def handler(event, context):\n    return {'release': %r, 'version': context.function_version}\n"


def zipped(source: str, name: str = "app.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), source)
    return buffer.getvalue()


def digest(zip_bytes: bytes) -> str:
    """CodeSha256 of a zip."""
    return base64.b64encode(hashlib.sha256(zip_bytes).digest()).decode()


def execution_role(endpoint: str, account: str, name: str = "function") -> str:
    """ARN of a role in the account that Lambda may assume, made when it is not there."""
    iam = boto3.client(
        "iam",
        "us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=account,
        aws_secret_access_key="sandbox",
    )
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    return f"arn:aws:iam::{account}:role/{name}"


def trust(service: str) -> str:
    """A trust policy that lets this service assume the role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


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
        Role=execution_role(functions.meta.endpoint_url, account),
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
