"""A root that is kept: what was there is there again, and nobody else may write it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from release.errors import Conflict, ExitCode, Misconfigured, Unavailable
from release.sandbox.options import Options
from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, digest, publish, settled, zipped
from tests.sandbox.processes import descendants
from tests.sandbox.test_stacks import BODY, Stack

ACCOUNT = "111111111111"


def client(sandbox: Sandbox, service: str, region: str = "us-east-1") -> Any:
    return boto3.client(
        service,
        region,
        endpoint_url=sandbox.endpoint,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="sandbox",
    )


def kept(root: Path, **options: Any) -> Sandbox:
    return Sandbox.start(root=root, save_state=True, **{"settle_seconds": 0.02, **options})


def test_what_was_there_is_there_again(tmp_path: Path) -> None:
    with kept(tmp_path) as sandbox:
        stack = Stack(client(sandbox, "cloudformation"))
        assert stack.create(Tags=[{"Key": "stage", "Value": "qa"}]) == "CREATE_COMPLETE"
        functions = client(sandbox, "lambda")
        publish(functions, ECHO % "one", "orders")
        publish(functions, ECHO % "two", "orders")
        alias = functions.create_alias(
            FunctionName="orders",
            Name="live",
            FunctionVersion="1",
            RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
        )
        s3 = client(sandbox, "s3", "us-west-2")
        location = {"LocationConstraint": "us-west-2"}
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration=location)
        versioning = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket="artifacts", VersioningConfiguration=versioning)
        for body in (b"old", b"new"):
            s3.put_object(Bucket="artifacts", Key="a.zip", Body=body, Metadata={"digest": "d"})
        item = {"id": {"S": "7"}, "who": {"S": "ana"}}
        client(sandbox, "dynamodb").put_item(TableName="orders-audit", Item=item)
        queue = client(sandbox, "sqs").create_queue(QueueName="jobs")["QueueUrl"]
        # still under way when the sandbox ends
        functions.update_function_configuration(FunctionName="orders", MemorySize=512)

    with kept(tmp_path, settle_seconds=30) as sandbox:
        functions = client(sandbox, "lambda")
        assert settled(functions, "orders")["MemorySize"] == 512
        found = functions.get_alias(FunctionName="orders", Name="live")
        assert (found["RevisionId"], found["RoutingConfig"]) == (alias["RevisionId"], alias["RoutingConfig"])
        listed = functions.list_versions_by_function(FunctionName="orders")["Versions"]
        assert [one["Version"] for one in listed] == ["$LATEST", "1", "2"]
        assert listed[1]["CodeSha256"] == digest(zipped(ECHO % "one"))
        answer = json.load(functions.invoke(FunctionName="orders", Qualifier="1")["Payload"])
        assert answer == {"release": "one", "version": "1"}

        stack = Stack(client(sandbox, "cloudformation"))
        assert stack.describe()["StackStatus"] == "CREATE_COMPLETE"
        assert stack.describe()["Tags"] == [{"Key": "stage", "Value": "qa"}]
        assert stack.client.get_template(StackName="orders")["TemplateBody"] == BODY
        assert (
            client(sandbox, "iam")
            .get_role(RoleName="orders-us-east-1")["Role"]["Arn"]
            .endswith(":role/orders-us-east-1")
        )
        s3 = client(sandbox, "s3", "us-west-2")
        assert s3.head_bucket(Bucket="artifacts")["BucketRegion"] == "us-west-2"
        read = s3.get_object(Bucket="artifacts", Key="a.zip")
        assert (read["Body"].read(), read["Metadata"]) == (b"new", {"digest": "d"})
        versions = s3.list_object_versions(Bucket="artifacts")["Versions"]
        bodies = {
            s3.get_object(Bucket="artifacts", Key="a.zip", VersionId=one["VersionId"])["Body"].read()
            for one in versions
        }
        assert bodies == {b"old", b"new"}
        assert client(sandbox, "dynamodb").scan(TableName="orders-audit")["Items"] == [item]
        assert client(sandbox, "sqs").get_queue_url(QueueName="jobs")["QueueUrl"] == queue
        assert json.loads((tmp_path / "saved-state.json").read_text())["ministack"] == "1.5.33"


def test_a_stack_that_was_kept_is_updated(tmp_path: Path) -> None:
    with kept(tmp_path) as sandbox:
        assert Stack(client(sandbox, "cloudformation")).create() == "CREATE_COMPLETE"
    with kept(tmp_path) as sandbox:
        assert Stack(client(sandbox, "cloudformation")).update(parameters={"Memory": "256"}) == (
            "UPDATE_COMPLETE"
        )
        assert settled(client(sandbox, "lambda"), "orders")["MemorySize"] == 256


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox.start(root=tmp_path, settle_seconds=0.02) as sandbox:
            assert client(sandbox, "lambda").list_functions()["Functions"] == []
            create_function(client(sandbox, "lambda"), ACCOUNT, ECHO % 1)
    assert not (tmp_path / "saved-state.json").exists()
    with kept(tmp_path) as sandbox:  # what the others left in the root is in nobody's way
        assert client(sandbox, "lambda").list_functions()["Functions"] == []


def test_a_second_sandbox_on_a_kept_root_is_refused(tmp_path: Path) -> None:
    with kept(tmp_path) as sandbox:
        create_function(client(sandbox, "lambda"), ACCOUNT, ECHO % 1)
        with pytest.raises(Conflict) as raised:
            kept(tmp_path)

        assert raised.value.cause == f"another sandbox works with the saved state in {tmp_path}"
        assert raised.value.exit_code == ExitCode.TRY_AGAIN
        assert len(client(sandbox, "lambda").list_functions()["Functions"]) == 1
    with kept(tmp_path) as sandbox:
        assert len(client(sandbox, "lambda").list_functions()["Functions"]) == 1


@pytest.mark.parametrize(
    ("label", "cause"),
    [
        (
            '{"format": 1, "ministack": "1.4.0", "port": 4566}',
            "was saved by ministack 1.4.0; this is ministack",
        ),
        ('{"format": 2, "ministack": "1.5.33", "port": 4566}', "was saved by ministack 1.5.33"),
        ("not json", "saved-state.json is damaged"),
        ("[]", "saved-state.json is damaged"),
        (None, "does not say which ministack wrote it"),
    ],
)
def test_a_state_of_another_ministack_is_refused(tmp_path: Path, label: str | None, cause: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lambda.json").write_text("{}")
    if label is not None:
        (tmp_path / "saved-state.json").write_text(label)
    with pytest.raises(Misconfigured) as raised:
        kept(tmp_path)

    assert cause in raised.value.cause
    assert "root" in raised.value.fix
    assert raised.value.exit_code == ExitCode.MISCONFIGURED


def kill(root: Path) -> None:
    """The server, as by a power cut."""
    for pid in descendants(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "release.sandbox.aws" in words and str(root) in words:
            os.kill(pid, signal.SIGKILL)


def functions_of(sandbox: Sandbox) -> list[str]:
    return [one["FunctionName"] for one in client(sandbox, "lambda").list_functions()["Functions"]]


@pytest.mark.prove
def test_a_server_that_is_killed_while_it_saves_leaves_what_the_start_had_found(tmp_path: Path) -> None:
    with kept(tmp_path) as sandbox:
        create_function(client(sandbox, "lambda"), ACCOUNT, ECHO % 1, "first")
    sandbox = kept(tmp_path)
    create_function(client(sandbox, "lambda"), ACCOUNT, ECHO % 1, "second")
    kill(tmp_path)
    sandbox.wait()
    (tmp_path / "state" / "lambda.json").write_text('{"half of')
    (tmp_path / "state" / "iam.json").unlink()
    with pytest.raises(Unavailable, match="was not saved"):
        sandbox.stop()
    sandbox.stop()

    with kept(tmp_path) as sandbox:
        assert functions_of(sandbox) == ["first"]
        assert client(sandbox, "iam").list_roles()["Roles"]


def test_a_state_that_cannot_be_read_is_refused_and_not_written_over(tmp_path: Path) -> None:
    with kept(tmp_path) as sandbox:
        create_function(client(sandbox, "lambda"), ACCOUNT, ECHO % 1, "orders")
    saved = tmp_path / "state" / "lambda.json"
    whole = saved.read_bytes()
    saved.write_bytes(whole[:-20])
    for _ in range(2):
        with pytest.raises(Misconfigured, match="is damaged: failed to load lambda"):
            kept(tmp_path)
    saved.write_bytes(whole)
    with kept(tmp_path) as sandbox:
        assert functions_of(sandbox) == ["orders"]


@pytest.mark.prove
def test_a_state_that_cannot_be_saved_is_told_and_the_one_of_before_stays(tmp_path: Path) -> None:
    with kept(tmp_path) as sandbox:
        create_function(client(sandbox, "lambda"), ACCOUNT, ECHO % 1, "first")
    in_the_way = tmp_path / "state" / "lambda.json.tmp"
    with pytest.raises(Unavailable, match="was not saved") as raised, kept(tmp_path) as sandbox:
        create_function(client(sandbox, "lambda"), ACCOUNT, ECHO % 1, "second")
        in_the_way.mkdir()
    assert any("failed to save lambda" in line for line in raised.value.details)

    with kept(tmp_path) as sandbox:
        assert functions_of(sandbox) == ["first"]


def test_a_root_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file" / "root", tmp_path / "file"):
        with pytest.raises(Misconfigured, match="cannot be written"):
            kept(root)
    (tmp_path / "root" / "state.lock").mkdir(parents=True)
    with pytest.raises(Misconfigured, match="cannot be written"):
        kept(tmp_path / "root")


def test_a_new_root_is_of_its_user_alone(tmp_path: Path) -> None:
    with kept(tmp_path / "root"):
        assert (tmp_path / "root").stat().st_mode & 0o077 == 0


def test_a_state_without_a_root_is_refused() -> None:
    with pytest.raises(Misconfigured, match="saved in a root that stays"):
        Sandbox.start(save_state=True)


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ({"rate_limit": 0.0}, "above 0"),
        ({"rate_limit": float("nan")}, "above 0"),
        ({"metric_lag_seconds": -1.0}, "from 0"),
        ({"max_warm": -1}, "from 0 to 1000"),
        ({"settle_seconds": float("inf")}, "from 0 to 3600"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], fix: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        Sandbox.start(**options)

    assert next(iter(options)) in raised.value.cause
    assert fix in raised.value.fix


def test_flags_say_what_options_are() -> None:
    options = Options(
        settle_seconds=0.0, rate_limit=15.0, metric_lag_seconds=60.0, max_warm=0, save_state=True
    )
    assert options.flags() == [
        *("--settle-seconds", "0.0", "--rate-limit", "15.0", "--metric-lag-seconds", "60.0"),
        *("--max-warm", "0", "--save-state"),
    ]


@pytest.mark.parametrize(
    ("flags", "cause", "code"),
    [
        (["--save-state"], "a state is saved in a root that stays", 2),
        (["--max-warm", "-3"], "max_warm of the sandbox is -3", 2),
    ],
)
def test_a_server_by_hand_says_what_is_wrong(flags: list[str], cause: str, code: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "release.sandbox.aws", *flags],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == code
    assert ended.stderr.startswith(f"error: {cause}\nfix: ")
    assert ended.stdout.startswith("refused {")
