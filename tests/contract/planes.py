"""What a contract case runs on: a Lambda client, a role, and how a function comes to rest."""

import base64
import hashlib
import io
import time
import zipfile
from collections.abc import Callable
from typing import Any, Protocol

from botocore.exceptions import ClientError

from release.core.models import Place
from tests.fakes.lambda_model import LambdaModel

NAME = "orders"
ECHO = """
import time
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no such order")
    return {"release": %r, "version": context.function_version}
"""


class Plane(Protocol):
    """AWS Lambda in one account and region, in the sandbox or in the model."""

    name: str
    functions: Any  # a boto3 client of Lambda, or what answers like one

    def role(self, name: str = "function") -> str:
        """ARN of a role that Lambda may assume."""

    def queue(self) -> str:
        """ARN of a queue that may take dead letters."""


class ModelPlane:
    name = "model"

    def __init__(self) -> None:
        self._roles: set[str] = set()
        self._account = "123456789012"
        model = LambdaModel(settle_reads=2, is_role=self._roles.__contains__)
        self.functions = model.client(Place(self._account, "us-east-1"))

    def role(self, name: str = "function") -> str:
        arn = f"arn:aws:iam::{self._account}:role/{name}"
        self._roles.add(arn)
        return arn

    def queue(self) -> str:
        return f"arn:aws:sqs:us-east-1:{self._account}:dead"


class SandboxPlane:
    name = "sandbox"

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.functions = client("lambda")
        self._iam = client("iam")
        self._queues = client("sqs")

    def role(self, name: str = "function") -> str:
        return role_for_lambda(self._iam, name)

    def queue(self) -> str:
        url = self._queues.create_queue(QueueName="dead")["QueueUrl"]
        shown = self._queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(shown["Attributes"]["QueueArn"])


def role_for_lambda(iam: Any, name: str = "function") -> str:
    """The ARN of a role that Lambda may assume, made unless it is there."""
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
        '"Principal": {"Service": "lambda.amazonaws.com"}}]}'
    )
    try:
        return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "EntityAlreadyExists"
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])


def zipped(release: object) -> bytes:
    """Code that answers which release it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (1980, 1, 1, 0, 0, 0)), ECHO % (release,))
    return buffer.getvalue()


def code_sha256(code: bytes) -> str:
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def create(plane: Plane, release: object = 0, name: str = NAME, **settings: Any) -> dict[str, Any]:
    """A function that has settled."""
    start_creating(plane, release, name, **settings)
    return settled(plane, name=name)


def start_creating(plane: Plane, release: object = 0, name: str = NAME, **settings: Any) -> dict[str, Any]:
    wanted = {
        **{"FunctionName": name, "Runtime": "python3.13", "Handler": "app.handler", "Timeout": 10},
        **{"Role": plane.role(), "Code": {"ZipFile": zipped(release)}},
        **settings,
    }
    answer: dict[str, Any] = plane.functions.create_function(**wanted)
    return answer


def published(plane: Plane, release: object) -> str:
    """New code, settled and published. Returns the version once it is Active."""
    plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(release))
    settled(plane)
    version = str(plane.functions.publish_version(FunctionName=NAME)["Version"])
    settled(plane, version)
    return version


def shown(plane: Plane, qualifier: str = "$LATEST", name: str = NAME) -> dict[str, Any]:
    """The Configuration in GetFunction."""
    answer = plane.functions.get_function(FunctionName=name, Qualifier=qualifier)
    found: dict[str, Any] = answer["Configuration"]
    return found


def settled(plane: Plane, qualifier: str = "$LATEST", name: str = NAME) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        now = shown(plane, qualifier, name)
        if now["State"] == "Active" and now["LastUpdateStatus"] == "Successful":
            return now
        time.sleep(0.01)
    raise AssertionError(f"{name}:{qualifier} did not settle")


def refused(call: Callable[..., Any], /, **wanted: Any) -> tuple[int, str]:
    """The HTTP status and code with which AWS refuses this call. Fails when it does not."""
    try:
        call(**wanted)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    raise AssertionError("the call was not refused")
