"""The life of a sandbox: it starts clean, listens on loopback only, and leaves nothing, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from release.errors import ExitCode, Misconfigured, Unavailable
from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function
from tests.sandbox.conftest import Client
from tests.sandbox.processes import descendants, left_after, listening_addresses

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = "def handler(event, context):\n    while True: pass\n"
# A program that uses a sandbox: one handler is busy for good, one is warm, and then it does what argv says.
PROGRAM = """
import os, sys, time
import boto3
from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function

with Sandbox.start(settle_seconds=0.01) as sandbox:
    credentials = {"aws_access_key_id": "111111111111", "aws_secret_access_key": "x"}
    functions = boto3.client("lambda", "us-east-1", endpoint_url=sandbox.endpoint, **credentials)
    create_function(functions, "111111111111", %r, name="endless", Timeout=60)
    functions.invoke(FunctionName="endless", InvocationType="Event")
    create_function(functions, "111111111111", ECHO %% 1)
    functions.invoke(FunctionName="orders")
    time.sleep(0.2)
    print(sandbox.root, flush=True)
    sys.stdin.readline()
    if sys.argv[1] == "vanish": os._exit(0)
"""


def lambda_client(sandbox: Sandbox) -> Any:
    return boto3.client(
        "lambda",
        "us-east-1",
        endpoint_url=sandbox.endpoint,
        aws_access_key_id="111111111111",
        aws_secret_access_key="sandbox",
    )


@contextmanager
def program(mode: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """PROGRAM in a process group of its own, like a command in a terminal, and its sandbox's root."""
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM % ENDLESS, mode],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert started.stdout is not None
    root = Path(started.stdout.readline().strip())
    try:
        assert root.is_dir() and root.is_absolute()
        yield started, root
    finally:
        started.kill()
        started.communicate()
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.prove),
        pytest.param(signal.SIGTERM, marks=pytest.mark.prove),
        signal.SIGKILL,
    ],
    ids=lambda how: how.name,
)
def test_no_process_and_no_file_is_left_when_the_starter_gets_a_signal(how: signal.Signals) -> None:
    with program("wait") as (started, root):
        tree = descendants(started.pid)
        assert len(tree) == 4  # itself, the server, the busy handler, the warm one
        os.killpg(started.pid, how)
        started.wait(10)

        assert left_after(tree, seconds=5) == set()
        assert not root.exists()


@pytest.mark.parametrize("mode", ["return", "vanish"])
def test_no_process_and_no_file_is_left_when_the_starter_ends(mode: str) -> None:
    with program(mode) as (started, root):
        tree = descendants(started.pid)
        started.communicate("go on\n", timeout=10)

        assert left_after(tree, seconds=5) == set()
        assert not root.exists()


def test_handlers_end_with_a_server_that_is_killed() -> None:
    with program("wait") as (started, _root):
        tree = descendants(started.pid) - {started.pid}
        (server,) = (pid for pid in tree if "release.sandbox.aws" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(server, signal.SIGKILL)

        assert left_after(tree, seconds=5) == set()


def test_everything_listens_on_loopback_only(sandbox: Sandbox, client: Client, account: str) -> None:
    create_function(client("lambda"), account, ECHO % 1)
    client("lambda").invoke(FunctionName="orders")
    tree = descendants(os.getpid())

    assert len(tree) >= 3  # this process, the server, a handler
    assert listening_addresses(tree) == {"0100007F"}


def test_it_answers_at_once_and_stops_at_once() -> None:
    began = time.monotonic()
    sandbox = Sandbox.start()
    started = time.monotonic()
    sandbox.stop()
    stopped = time.monotonic()

    assert started - began < 5 and stopped - started < 2  # 0.4 s and 0.05 s on an idle machine
    assert not sandbox.root.exists()
    sandbox.stop()
    with pytest.raises(Unavailable, match="does not answer"):
        sandbox.calls()


def test_a_root_of_ones_own_is_kept(tmp_path: Path) -> None:
    with Sandbox.start(root=tmp_path / "kept") as sandbox:
        assert sandbox.root == tmp_path / "kept"
    assert (tmp_path / "kept" / "sandbox.log").exists()


def test_two_sandboxes_do_not_see_each_other() -> None:
    with Sandbox.start(settle_seconds=0.01) as one, Sandbox.start(settle_seconds=0.01) as other:
        create_function(lambda_client(one), "111111111111", ECHO % 1)

        assert one.endpoint != other.endpoint
        assert len(lambda_client(one).list_functions()["Functions"]) == 1
        assert lambda_client(other).list_functions()["Functions"] == []


def test_nothing_of_the_starters_environment_reaches_a_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "of-the-starter")
    source = "import os\ndef handler(event, context): return dict(os.environ)\n"
    # boto3 in this process would follow them as well.
    with Sandbox.start(settle_seconds=0.01) as sandbox, monkeypatch.context() as cleared:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY"):
            cleared.delenv(name)
        functions = lambda_client(sandbox)
        create_function(functions, "111111111111", source)
        seen = json.load(functions.invoke(FunctionName="orders")["Payload"])

    assert "of-the-starter" not in seen.values()
    assert str(ROOT) not in seen["PYTHONPATH"]


def test_the_environment_of_a_child_has_the_sandbox_for_aws(sandbox: Sandbox) -> None:
    base = {
        "PATH": "/bin",
        "HTTPS_PROXY": "proxy:3128",
        "NO_PROXY": "intranet",
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "http://real",
        "AWS_ACCESS_KEY_ID": "real",
    }
    given = sandbox.environment(account="222222222222", base=base)

    assert given["AWS_ENDPOINT_URL"] == sandbox.endpoint
    assert (given["AWS_ACCESS_KEY_ID"], given["RELEASE_BUILD_TARGET"]) == ("222222222222", "host")
    assert given["RELEASE_METRIC_LAG_SECONDS"] == "0"
    assert given["AWS_REGION"] == given["AWS_DEFAULT_REGION"] == "us-east-1"
    assert given["AWS_CONFIG_FILE"] == given["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert not given.keys() & {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"}
    assert (given["PATH"], given["HTTPS_PROXY"], given["AWS_CA_BUNDLE"]) == ("/bin", "proxy:3128", "/ca.pem")
    assert given["NO_PROXY"] == "intranet,127.0.0.1"


def test_a_child_in_that_environment_talks_to_the_sandbox(sandbox: Sandbox) -> None:
    source = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    answered = subprocess.run(
        [sys.executable, "-c", source],
        env=sandbox.environment(
            account="222222222222", base={**os.environ, "HTTP_PROXY": "http://127.0.0.1:9"}
        ),
        capture_output=True,
        text=True,
    )
    assert (answered.stdout, answered.stderr) == ("222222222222\n", "")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ministack", None)
    with pytest.raises(Misconfigured) as raised:
        Sandbox.start()

    assert "ministack" in raised.value.cause
    assert raised.value.fix == "pip install 'lambda-release[sandbox]'"


def test_another_ministack_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "ministack-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Unavailable) as raised:
        Sandbox.start()

    assert "needs ministack 1.5.33, found 9.9.9" in raised.value.cause
    assert raised.value.exit_code == ExitCode.TRY_AGAIN
