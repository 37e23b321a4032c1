"""Both services for real: stack, code, alias, stack with the alias, then requests through API Gateway.

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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from release.sandbox.session import Sandbox

SERVICES = Path(__file__).parents[2] / "services"
ACCOUNT, REGION = "444444444444", "us-west-2"
ACTIVE_SECONDS = 20.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is behind no proxy


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
    _until_settled(functions, FunctionName=function)
    functions.update_function_code(FunctionName=function, ZipFile=code)
    _until_settled(functions, FunctionName=function)
    version: str = functions.publish_version(FunctionName=function)["Version"]
    _until_settled(functions, FunctionName=function, Qualifier=version)
    return version


def _until_settled(functions: Any, **which: str) -> None:
    end = time.monotonic() + ACTIVE_SECONDS
    while time.monotonic() < end:
        found = functions.get_function(**which)["Configuration"]
        if found.get("LastUpdateStatus") != "InProgress" and found["State"] == "Active":
            return
        time.sleep(0.05)
    raise AssertionError(f"{which} did not settle in {ACTIVE_SECONDS:.0f} s: {found}")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with Sandbox.start(settle_seconds=0.05) as sandbox:
        yield sandbox.endpoint


@pytest.fixture(scope="module")
def deploy(
    endpoint: str, render: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Deployed]:
    def deployed(service: str) -> Deployed:
        stacks, functions, name = (
            client(endpoint, "cloudformation"),
            client(endpoint, "lambda"),
            f"{service}-prod",
        )
        stack = {
            "StackName": name,
            "TemplateBody": render(service, "prod"),
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        stacks.create_stack(**stack)
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        version = publish(endpoint, name, zip_of(service, tmp_path_factory.mktemp(service)))
        smoke = functions.invoke(FunctionName=name, Qualifier=version, Payload=b'{"health_check": true}')
        assert "FunctionError" not in smoke
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
        exists = {"ParameterKey": "AliasExists", "ParameterValue": "true"}
        stacks.update_stack(**stack, Parameters=[exists])
        stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        (described,) = stacks.describe_stacks(StackName=name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        # the second update of the stack has left code and alias alone
        assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == version
        return Deployed(endpoint, name, json.load(smoke["Payload"]), outputs)

    return deployed


@pytest.fixture(scope="module")
def price_fetcher(deploy: Callable[[str], Deployed]) -> Deployed:
    return deploy("price-fetcher")


@pytest.fixture(scope="module")
def config_service(deploy: Callable[[str], Deployed]) -> Deployed:
    return deploy("config-service")


def test_a_new_version_answers_its_smoke_test(price_fetcher: Deployed, config_service: Deployed) -> None:
    for service, dependencies in (
        (price_fetcher, {"audit_table", "database"}),
        (config_service, {"config_table", "flags_table", "history_table"}),
    ):
        answer = service.first_answer
        assert (answer["statusCode"], answer["body"]["status"]) == (200, "ok")
        assert answer["body"]["lambda_version"] == "1"
        assert set(answer["body"]["dependencies"]) == dependencies


def test_a_price_is_answered_and_its_read_is_in_the_audit_table(price_fetcher: Deployed) -> None:
    answer = price_fetcher.http("GET", "/price?id=PROD-101&userId=reader-1")

    assert answer == (200, {"productId": "PROD-101", "price": 99.99, "currency": "USD"})
    items = price_fetcher.client("dynamodb").scan(TableName=price_fetcher.outputs["AuditTableName"])["Items"]
    (item,) = [item for item in items if item["who"]["S"] == "reader-1"]
    assert (item["what"]["S"], item["outcome"]["S"]) == ("price/PROD-101", "found")
    assert int(item["ttl"]["N"]) > time.time() + 5.9 * 365 * 86_400


def test_an_unsigned_request_is_refused(price_fetcher: Deployed) -> None:
    assert price_fetcher.http("GET", "/price?id=PROD-101&userId=u-1", signed=False)[0] == 403


def test_a_configuration_is_put_read_and_deleted(config_service: Deployed) -> None:
    path = "/config/u-1"

    assert config_service.http("GET", path)[0] == 404
    status, stored = config_service.http("PUT", path, {"version": 0, "settings": {"theme": "dark"}})
    assert (status, stored["version"], stored["settings"]["theme"]) == (200, 1, "dark")
    assert config_service.http("PUT", path, {"version": 0, "settings": {}})[0] == 409
    assert config_service.http("GET", path) == (200, stored)
    assert config_service.http("DELETE", f"{path}?version=1") == (204, None)
    assert config_service.http("GET", path)[0] == 404


def test_no_personal_data_is_in_the_logs_of_the_functions(
    price_fetcher: Deployed, config_service: Deployed
) -> None:
    price_fetcher.http("GET", "/price?id=PROD-101&userId=jane-doe-1961")
    price_fetcher.http("GET", "/price?id=PROD-101&userId=jane.doe@hospital.example")
    config_service.http("PUT", "/config/jane-doe-1961", {"version": "x", "settings": {"jane": "doe"}})

    lines = []
    for service in (price_fetcher, config_service):
        logs, group = service.client("logs"), service.outputs["ApiLogGroupName"]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
            lines += [event["message"] for event in events]
    assert sum('"message":"request"' in line for line in lines) >= 3
    assert not [line for line in lines if "jane" in line.lower()]


# Last: it takes the table away from the others.
def test_without_its_audit_table_the_service_tells_its_health_and_no_price(price_fetcher: Deployed) -> None:
    price_fetcher.client("dynamodb").delete_table(TableName=price_fetcher.outputs["AuditTableName"])

    status, body = price_fetcher.http("GET", "/price?id=PROD-101&userId=u-1")
    health = price_fetcher.invoke({"health_check": True})

    assert (status, body["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert "price" not in body
    assert (health["statusCode"], health["body"]["status"]) == (503, "down")
    assert health["body"]["dependencies"]["audit_table"]["cause"] == "ResourceNotFoundException"
