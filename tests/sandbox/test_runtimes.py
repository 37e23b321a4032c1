"""The runtimes of handlers in a whole sandbox: plain Python where AWS's client is missing, and Node."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from release.sandbox.session import Sandbox
from tests.sandbox.calls import create_function, execution_role, publish, settled, zipped
from tests.sandbox.conftest import Client
from tests.sandbox.processes import descendants

ACCOUNT = "111111111111"
# Loaded by every Python that starts with this folder on its path: the server of the sandbox finds all modules
# but the native one, as on a machine for which there is none.
HIDING = """
import importlib.machinery, sys
class WithoutNativeClient(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "runtime_client" else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = WithoutNativeClient
"""
WHO = """
import logging, sys
def handler(event, context):
    print("served by", context.function_version)
    if event.get("fail"): raise KeyError("price")
    return {"awslambdaric": "awslambdaric" in sys.modules, "arn": context.invoked_function_arn,
            "version": context.function_version, "event": event}
"""
NODE = """
exports.handler = async (event, context) => {
  if (event.fail) { throw new TypeError("asked to"); }
  return { version: context.functionVersion, arn: context.invokedFunctionArn, event: event,
           region: process.env.AWS_REGION, stage: process.env.STAGE, pid: process.pid };
};
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on this machine")


def client_of(sandbox: Sandbox, service: str) -> Any:
    return boto3.client(
        service,
        "us-east-1",
        endpoint_url=sandbox.endpoint,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="sandbox",
    )


def invoke(functions: Any, qualifier: str, event: Any, name: str = "orders") -> dict[str, Any]:
    answer: dict[str, Any] = functions.invoke(
        FunctionName=name, Qualifier=qualifier, Payload=json.dumps(event)
    )
    return {**answer, "Payload": json.load(answer["Payload"])}


@pytest.fixture(params=[False, True], ids=["with awslambdaric", "without"])
def pure(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the processes that are started from here on find no native runtime client."""
    hidden = bool(request.param)
    if hidden:
        (tmp_path / "sitecustomize.py").write_text(HIDING)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return hidden


def test_handlers_run_with_and_without_the_native_runtime_client(pure: bool) -> None:
    with Sandbox.start(settle_seconds=0.02) as sandbox:
        functions, logs = client_of(sandbox, "lambda"), client_of(sandbox, "logs")
        create_function(functions, ACCOUNT, WHO)
        publish(functions, WHO)
        functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")

        answer = invoke(functions, "live", {"id": 7})
        assert answer["ExecutedVersion"] == "1"
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders:live"
        expected = {"awslambdaric": not pure, "arn": arn, "version": "1", "event": {"id": 7}}
        assert answer["Payload"] == expected
        failed = invoke(functions, "live", {"fail": True})
        assert (failed["FunctionError"], failed["Payload"]["errorType"]) == ("Unhandled", "KeyError")
        lines = [
            event["message"].strip()
            for event in logs.filter_log_events(logGroupName="/aws/lambda/orders")["events"]
        ]
        assert lines.count("served by 1") == 2
        assert any(line.startswith("[ERROR] KeyError: 'price'") for line in lines)


def create_node_function(functions: Any, account: str, name: str, **settings: Any) -> None:
    functions.create_function(
        FunctionName=name,
        Runtime="nodejs22.x",
        Handler="index.handler",
        Role=execution_role(functions.meta.endpoint_url, account),
        Code={"ZipFile": zipped(NODE, "index.js")},
        **settings,
    )
    settled(functions, name)


@needs_node
def test_a_node_handler_answers_with_its_version_and_alias(client: Client, account: str) -> None:
    functions = client("lambda", "us-west-2")
    create_node_function(functions, account, "orders", Environment={"Variables": {"STAGE": "qa"}})
    functions.publish_version(FunctionName="orders")
    settled(functions, "orders", "1")
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")

    answer = invoke(functions, "live", {"id": 7})
    assert answer["ExecutedVersion"] == "1"
    payload = answer["Payload"]
    assert payload["arn"] == f"arn:aws:lambda:us-west-2:{account}:function:orders:live"
    assert (payload["version"], payload["region"], payload["stage"]) == ("1", "us-west-2", "qa")
    assert payload["event"] == {"id": 7}
    assert invoke(functions, "$LATEST", {})["Payload"]["version"] == "$LATEST"
    failed = invoke(functions, "live", {"fail": True})
    assert failed["FunctionError"] == "Unhandled"
    assert "asked to" in failed["Payload"]["errorMessage"]


@pytest.fixture
def tight() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.02, max_warm=2) as started:
        yield started


@needs_node
def test_node_and_python_processes_share_one_cap(tight: Sandbox) -> None:
    functions = client_of(tight, "lambda")
    pid_of = "import os\ndef handler(event, context): return {'pid': os.getpid()}\n"
    pids = {}
    for name in ("node-1", "python-1", "node-2"):
        if name.startswith("node"):
            create_node_function(functions, ACCOUNT, name)
        else:
            create_function(functions, ACCOUNT, pid_of, name=name)
        pids[name] = invoke(functions, "$LATEST", {}, name)["Payload"]["pid"]

    alive = descendants(tight._process.pid)
    assert {name: pid in alive for name, pid in pids.items()} == {
        "node-1": False,
        "python-1": True,
        "node-2": True,
    }
    again = invoke(functions, "$LATEST", {}, "node-1")["Payload"]["pid"]
    assert again != pids["node-1"]
    alive = descendants(tight._process.pid)
    assert (pids["python-1"] in alive, pids["node-2"] in alive, again in alive) == (False, True, True)


@needs_node
def test_the_node_of_this_machine_is_one_that_runs() -> None:
    """So that a skip above means that there is none, and not that it is broken."""
    answered = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    assert answered.stdout.startswith("v")
