"""`release sandbox fault` and `calls`: what they set and show, whom they refuse, and what a start costs."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from bench.imports import imports_of
from release.sandbox.session import Sandbox
from tests.cli.conftest import SANDBOXED, Cli

pytestmark = SANDBOXED
ADD = ("sandbox", "fault", "add")
LIST = ("sandbox", "fault", "list", "--json")
HEAVY = {"ministack", "boto3", "botocore", "hypercorn", "rich", "git", "jinja2"}


@pytest.fixture
def here(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox without faults, which this shell knows."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    sandbox.faults([])
    yield sandbox
    sandbox.faults([])


def client(sandbox: Sandbox, service: str, region: str = "us-east-1") -> Any:
    return boto3.session.Session().client(
        service,  # type: ignore[call-overload]
        region,
        endpoint_url=sandbox.endpoint,
        aws_access_key_id="345678901234",
        aws_secret_access_key="sandbox",
        config=Config(retries={"total_max_attempts": 1}),
    )


def answer(call: Callable[..., Any], **arguments: Any) -> int:
    try:
        found: int = call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        found = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- set, shown, removed -------------------------------------------------------------------------------------


def test_a_fault_is_added_listed_and_removed(here: Sandbox, cli: Cli) -> None:
    functions = client(here, "lambda")
    added = cli(
        *ADD, "--service", "lambda", "--operation", "List*", "--region", "us-east-1", "--status", "429"
    )
    (fault,) = json.loads(cli(*LIST).out)

    assert added.code == 0 and added.out == f"{fault['id']}\n"
    assert added.err == f"fault {fault['id']}: lambda List* in us-east-1: 429, always\n"
    assert fault["rule"] == {"service": "lambda", "operation": "List*", "region": "us-east-1", "status": 429}
    assert answer(functions.list_functions) == 429
    assert answer(functions.get_account_settings) == 200
    assert answer(client(here, "lambda", "us-west-2").list_functions) == 200
    assert json.loads(cli(*LIST).out)[0] | {"id": 0, "rule": 0} == {"id": 0, "rule": 0, "met": 1, "fired": 1}
    assert cli("sandbox", "fault", "remove", str(fault["id"])).code == 0
    assert answer(functions.list_functions) == 200
    assert cli("sandbox", "fault", "list").out == "no fault is set\n"


def test_every_option_is_a_field_of_the_rule(here: Sandbox, cli: Cli) -> None:
    selecting = ["--service", "s3", "--operation", "Put*", "--resource", "b/*", "--region", "us-west-2"]
    turns = [
        "--account",
        "123456789012",
        "--skip",
        "1",
        "--times",
        "2",
        "--probability",
        "0.5",
        "--seed",
        "9",
    ]
    error = ["--status", "503", "--code", "SlowDown", "--message", "m", "--retry-after", "2.5"]
    waits = ["--latency-ms", "20", "--when", "after", "--hold"]

    added = json.loads(cli(*ADD, *selecting, *turns, *error, *waits, "--json").out)

    expected = {
        **{"service": "s3", "operation": "Put*", "resource": "b/*", "region": "us-west-2"},
        **{"account": "123456789012", "skip": 1, "times": 2, "probability": 0.5, "seed": 9},
        **{"status": 503, "code": "SlowDown", "message": "m", "retry_after": 2.5},
        **{"latency_ms": 20.0, "when": "after", "hold": True},
    }
    assert added["rule"] == expected
    assert json.loads(cli(*LIST).out) == [{**added, "met": 0, "fired": 0}]
    for words, rule in (
        (("--stack", "AWS::SQS::Queue create"), {"stack": "AWS::SQS::Queue create"}),
        (("--nth", "3", "--hang"), {"nth": 3, "hang": True}),
        (("--close",), {"close": True}),
        (("--lost-response",), {"when": "after", "close": True}),
    ):
        assert json.loads(cli(*ADD, *words, "--json").out)["rule"] == rule


def test_a_lost_response_was_carried_out(here: Sandbox, cli: Cli) -> None:
    cli(*ADD, "--operation", "CreateBucket", "--resource", "kept-*", "--lost-response", "--times", "1")
    s3 = client(here, "s3")

    with pytest.raises(ConnectionClosedError):
        s3.create_bucket(Bucket="kept-anyway")
    assert "kept-anyway" in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert "carried out, connection closed" in cli("sandbox", "fault", "list").out


def test_clear_removes_all(here: Sandbox, cli: Cli) -> None:
    for service in ("sts", "iam"):
        cli(*ADD, "--service", service, "--status", "500")

    assert cli("sandbox", "fault", "clear").code == 0
    assert json.loads(cli(*LIST).out) == []


def test_a_sandbox_is_found_by_its_url_as_well(
    here: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    assert cli(*ADD, "--status", "500", "--endpoint", here.endpoint + "/").code == 0
    assert len(here.faults_in_force()) == 1


# -- what cannot be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "cause", "fix"),
    [
        (("--service", "lamda", "--status", "500"), "there is no AWS service 'lamda'", "did you mean lambda"),
        (
            ("--service", "lambda", "--operation", "UpdateAlais", "--status", "500"),
            "lambda has no operation 'UpdateAlais'",
            "did you mean UpdateAlias",
        ),
        (("--probability", "1.5", "--status", "500"), "probability of a fault is 1.5", "from 0 to 1"),
        (("--status", "42"), "status of a fault is 42", "from 400 to 599"),
        (("--status", "often"), "'often' is not a valid integer", "--help"),
        (("--statsu", "500"), "there is no option --statsu", "or --status?"),
        (("--service", "lambda"), "the fault does nothing to the calls that it meets", "give it a status"),
        (("--nth", "0", "--status", "500"), "nth of a fault is 0", "a whole number from 1"),
        (("--lost-response", "--when", "before"), "--lost-response means after the effect", "leave out"),
        (("--close", "--status", "500"), "a fault ends one way", "make two rules"),
        (
            (
                "--stack",
                "(",
            ),
            "stack of a fault is '('",
            "a regular expression",
        ),
    ],
)
def test_a_slip_is_answered_with_cause_and_way_out(
    words: tuple[str, ...], cause: str, fix: str, here: Sandbox, cli: Cli
) -> None:
    ran = cli(*ADD, *words)

    assert ran.code == 2 and ran.out == ""
    assert cause in ran.lines("error:")[0] and fix in ran.lines("fix:")[0]
    assert here.faults_in_force() == []


def test_an_id_that_is_none_is_a_slip(here: Sandbox, cli: Cli) -> None:
    ran = cli("sandbox", "fault", "remove", "4711")

    assert ran.code == 2
    assert ran.lines("error:") == ["there is no fault 4711"]


@pytest.mark.parametrize(
    ("endpoint", "code", "cause"),
    [
        (None, 2, "there is no sandbox here: AWS_ENDPOINT_URL is not set"),
        ("https://lambda.us-east-1.amazonaws.com", 2, "is no sandbox: a sandbox is at http://127.0.0.1:PORT"),
        ("http://127.0.0.1.example.invalid:80", 2, "is no sandbox"),
        ("http://127.0.0.1:80@example.invalid", 2, "is no sandbox"),
        ("http://127.0.0.1:99999", 2, "is no sandbox"),
        ("http://127.0.0.1:1", 4, "does not answer"),
    ],
)
@pytest.mark.parametrize(
    "words", [(*ADD, "--status", "500"), LIST, ("sandbox", "calls")], ids=lambda one: one[-1]
)
def test_nothing_is_sent_where_there_is_no_sandbox(
    words: tuple[str, ...],
    endpoint: str | None,
    code: int,
    cause: str,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    ran = cli(*words)

    assert ran.code == code and ran.out == ""
    assert cause in ran.lines("error:")[0]
    assert "start" in ran.lines("fix:")[0]


@pytest.mark.parametrize("said", [b"{}", b"not json", b'["release sandbox"]'])
def test_another_server_on_this_machine_is_asked_who_it_is_and_nothing_else(said: bytes, cli: Cli) -> None:
    asked = []

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.command, self.path))
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ran = cli(*ADD, "--status", "500", "--endpoint", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()

    assert ran.code == 2 and "is no sandbox of `release`" in ran.lines("error:")[0]
    assert asked == [("GET", "/_sandbox/")]


# -- calls ---------------------------------------------------------------------------------------------------


def test_calls_are_shown_with_how_they_ended(here: Sandbox, cli: Cli) -> None:
    here.forget_calls()
    fault = cli(*ADD, "--service", "lambda", "--operation", "GetFunction", "--status", "503").out.strip()
    client(here, "sts").get_caller_identity()
    answer(client(here, "lambda").get_function, FunctionName="orders")

    first, second = cli("sandbox", "calls").out.splitlines()
    assert re.fullmatch(r" *\d+  200  345678901234 us-east-1 +sts GetCallerIdentity", first)
    assert re.fullmatch(
        rf" *\d+  503  345678901234 us-east-1 +lambda GetFunction +orders  fault {fault}", second
    )
    shown = json.loads(cli("sandbox", "calls", "--json", "--forget").out)
    assert [(call["operation"], call["status"]) for call in shown] == [
        ("GetCallerIdentity", 200),
        ("GetFunction", 503),
    ]
    assert cli("sandbox", "calls").out == ""


def test_calls_are_followed_until_the_sandbox_ends(tmp_path: Path) -> None:
    with Sandbox.start() as started:
        words = [sys.executable, "-m", "release", "sandbox", "calls", "--follow", "--json"]
        following = subprocess.Popen(
            [*words, "--endpoint", started.endpoint], stdout=subprocess.PIPE, text=True, cwd=tmp_path
        )
        assert following.stdout is not None
        for service, call in (("sts", "get_caller_identity"), ("iam", "list_roles")):
            getattr(client(started, service), call)()
            line = json.loads(following.stdout.readline())
            assert (line["service"], line["status"]) == (service, 200)
    out, _ = following.communicate(timeout=20)
    assert (following.returncode, out) == (0, "")


def test_who_follows_is_told_of_a_call_when_it_has_ended(tmp_path: Path) -> None:
    with Sandbox.start() as started, ThreadPoolExecutor(1) as pool:
        held = started.add_fault({"service": "sts", "hold": True})
        pending = pool.submit(client(started, "sts").get_caller_identity)
        wait_until(lambda: bool(started.fired()))
        words = [sys.executable, "-m", "release", "sandbox", "calls", "--follow", "--json"]
        following = subprocess.Popen(
            [*words, "--endpoint", started.endpoint], stdout=subprocess.PIPE, text=True, cwd=tmp_path
        )
        assert following.stdout is not None
        client(started, "iam").list_roles()
        assert json.loads(following.stdout.readline())["service"] == "iam"
        started.remove_fault(held)
        pending.result(20)
        line = json.loads(following.stdout.readline())
        assert (line["service"], line["status"], line["fault"]) == ("sts", 200, held)
    out, _ = following.communicate(timeout=20)
    assert (following.returncode, out) == (0, "")


# -- what a start costs --------------------------------------------------------------------------------------


def test_setting_a_fault_imports_neither_an_aws_client_nor_the_sandbox(here: Sandbox, tmp_path: Path) -> None:
    words = [*ADD, "--service", "lambda", "--operation", "UpdateAlias", "--status", "429"]
    modules = imports_of(words, tmp_path, os.environ)
    assert "release.sandbox.doors" in modules
    assert not {name.split(".")[0] for name in modules} & HEAVY
