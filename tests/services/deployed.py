"""A service for real: stack, code, alias, stack with the alias; then requests through API Gateway.

The steps are those of a first deployment, made by hand: this holds services and templates to AWS's behaviour
without depending on the rollout.
"""

import io
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICES = Path(__file__).parents[2] / "services"
ACCOUNT, REGION = "444444444444", "us-west-2"
ACTIVE_SECONDS = 20.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is behind no proxy


class Deploy(Protocol):
    """Deploys a service by its name; settings of its service.yaml may be changed."""

    def __call__(self, service: str, **changed: Any) -> "Deployed": ...


@dataclass(frozen=True)
class Deployed:
    """One service behind its alias; `outputs` are its stack's."""

    endpoint: str
    function: str
    first_answer: Mapping[str, Any]
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        return client(self.endpoint, service)

    def http(self, method: str, path: str, body: Any = None, signed: bool = True) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        host = self.outputs["HttpApiEndpoint"].split("//")[1]
        headers = {"Host": host, "Content-Type": "application/json"}
        request = AWSRequest(method, f"http://{host}{path}", headers=headers, data=data)
        if signed:
            SigV4Auth(Credentials(ACCOUNT, "sandbox"), "execute-api", REGION).add_auth(request)
        sent = urllib.request.Request(  # noqa: S310  # the sandbox's own http address
            self.endpoint + path, data=data or None, headers=dict(request.headers.items()), method=method
        )
        try:
            with DIRECT.open(sent, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def lines(self) -> list[dict[str, Any]]:
        """What the function has logged as JSON, in order."""
        return [json.loads(line) for line in self.log() if line.startswith("{")]

    def log(self, output: str = "ApiLogGroupName") -> Iterator[str]:
        logs, group = self.client("logs"), self.outputs[output]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            name = stream["logStreamName"]
            for event in logs.get_log_events(logGroupName=group, logStreamName=name)["events"]:
                yield event["message"]

    def invoke(self, event: Any) -> dict[str, Any]:
        answer = self.client("lambda").invoke(
            FunctionName=self.function, Qualifier="live", Payload=json.dumps(event)
        )
        assert "FunctionError" not in answer
        parsed: dict[str, Any] = json.load(answer["Payload"])
        return parsed


def client(endpoint: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="sandbox",
    )


def zip_of(service: str, folder: Path) -> bytes:
    """The service as its zip will be: own files and shared core beside the pinned wheels."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--python", sys.executable, "--target", str(folder)]
    subprocess.run([*command, "-r", str(SERVICES / service / "requirements.txt")], check=True)
    package = service.replace("-", "_")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SERVICES / service / package, folder / package, ignore=ignored)
    shutil.copytree(SERVICES / "common", folder / "common", ignore=ignored)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return packed.getvalue()


def publish(endpoint: str, function: str, code: bytes) -> str:
    functions = client(endpoint, "lambda")
    until_settled(functions, FunctionName=function)
    functions.update_function_code(FunctionName=function, ZipFile=code)
    until_settled(functions, FunctionName=function)
    version: str = functions.publish_version(FunctionName=function)["Version"]
    until_settled(functions, FunctionName=function, Qualifier=version)
    return version


def until_settled(functions: Any, **which: str) -> None:
    end = time.monotonic() + ACTIVE_SECONDS
    while time.monotonic() < end:
        found = functions.get_function(**which)["Configuration"]
        if found.get("LastUpdateStatus") != "InProgress" and found["State"] == "Active":
            return
        time.sleep(0.05)
    raise AssertionError(f"{which} did not settle in {ACTIVE_SECONDS:.0f} s: {found}")
