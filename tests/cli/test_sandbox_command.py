"""`release sandbox run` and `up`, as processes: what they give to a command, and what they leave behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.worlds import Fleet, git
from tests.sandbox.processes import descendants, left_after

PROBE = """
import json, os, subprocess, boto3
def run(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()
print(json.dumps({
    "account": boto3.client("sts", "us-east-1").get_caller_identity()["Account"],
    "buckets": sorted(one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]),
    "functions": boto3.client("lambda", "us-west-2").list_functions()["Functions"],
    "remotes": run("git", "remote").split(),
    "url": run("git", "config", "remote.sandbox.url"),
    "main": run("git", "ls-remote", "sandbox", "refs/heads/main").split()[:1],
    "next": run("release", "next", "qa", "--ref", "HEAD", "--json"),
    "remote": os.environ.get("RELEASE_REMOTE"),
    "folder": os.getcwd(),
}))
"""


def command(*words: str, at: Path) -> list[str]:
    return [sys.executable, "-m", "release", "-C", str(at), "sandbox", *words]


def run(
    *words: str, at: Path, environ: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("run", "--", *words, at=at),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files in which everything that stays is ours."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def assert_nothing_left(pids: Sequence[int] | set[int], temporary: Path) -> None:
    assert left_after(pids, 10) == set()
    deadline = time.monotonic() + 5
    while list(temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(temporary.iterdir()) == []


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.02)


# -- run -----------------------------------------------------------------------------------------------------


def test_a_command_gets_an_aws_and_a_remote_and_the_repository_gets_nothing(
    fleet: Fleet, temporary: Path
) -> None:
    fleet.commit("feat: not pushed")
    fleet.write({"new.txt": "unknown to git\n"})
    before = git(fleet.clone, "for-each-ref"), (fleet.clone / ".git" / "config").read_text()

    ran = run(sys.executable, "-c", PROBE, at=fleet.clone / "services")

    assert ran.returncode == 0, ran.stderr
    seen: dict[str, Any] = json.loads(ran.stdout)
    assert seen["account"] == "999999999999"
    assert seen["buckets"] == ["acme-artifacts-us-east-1"]  # what pipelines/ names is there
    assert seen["functions"] == []
    assert seen["main"] == [fleet.git("rev-parse", "HEAD")]
    assert json.loads(seen["next"])["tag"] == "v1.0.0-qa.1"  # the remote is the sandbox's: without tags
    assert sorted(seen["remotes"]) == ["origin", "sandbox"]
    assert seen["folder"] == str(fleet.clone / "services")
    assert (git(fleet.clone, "for-each-ref"), (fleet.clone / ".git" / "config").read_text()) == before
    assert fleet.git("remote") == "origin"
    assert_nothing_left([], temporary)


def test_outside_a_repository_it_is_an_aws_alone(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    ran = run(
        sys.executable,
        "-c",
        PROBE,
        at=tmp_path,
        environ=environ,
    )

    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert (seen["account"], seen["remote"], seen["url"]) == ("999999999999", None, "")


def test_a_repository_without_commits_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "young"
    git(tmp_path, "init", "--quiet", str(folder))

    assert (
        run("sh", "-c", 'test -z "$RELEASE_REMOTE" && test -n "$AWS_ENDPOINT_URL"', at=folder).returncode == 0
    )


@pytest.mark.prove
def test_a_shallow_clone_has_a_remote_as_well(fleet: Fleet, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", fleet.url, str(shallow))

    ran = run("git", "ls-remote", "sandbox", "refs/heads/main", at=shallow)

    assert ran.stdout.split()[0] == git(shallow, "rev-parse", "HEAD")


def test_words_and_exit_code_are_the_commands_own(tmp_path: Path, temporary: Path) -> None:
    words = ["--help", "-C", "a b", "$(x)", "--"]

    ran = run("sh", "-c", 'printf "%s\\n" "$@"; exit 7', "sh", *words, at=tmp_path)

    assert (ran.returncode, ran.stdout.splitlines()) == (7, words)
    assert_nothing_left([], temporary)


def test_a_command_that_is_killed_ends_as_a_shell_says_it(tmp_path: Path, temporary: Path) -> None:
    assert run("sh", "-c", "kill -KILL $$", at=tmp_path).returncode == 137
    assert_nothing_left([], temporary)


def test_a_command_that_is_not_there_is_a_slip(tmp_path: Path, temporary: Path) -> None:
    ran = run("no-such-command", at=tmp_path)

    assert ran.returncode == 2
    assert ran.stderr.startswith("error: no-such-command cannot be run: No such file or directory\nfix: ")
    assert_nothing_left([], temporary)


def test_a_fault_from_the_start_meets_the_command_and_not_what_made_it_ready(
    fleet: Fleet, temporary: Path
) -> None:
    rules = ['{"service": "s3", "status": 503}', '{"service": "sts", "operation": "Get*", "status": 403}']
    options = ("--fault", rules[0], "--fault", rules[1])
    ran = subprocess.run(
        command("run", *options, "--", "release", "sandbox", "fault", "list", "--json", at=fleet.clone),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 0, ran.stderr
    listed = json.loads(ran.stdout)
    assert [fault["rule"] for fault in listed] == [json.loads(rule) for rule in rules]
    assert [fault["met"] for fault in listed] == [0, 0]


@pytest.mark.parametrize(
    ("words", "cause", "fix"),
    [
        (("--fault", "{"), "--fault is no JSON: ", "write it as '{"),
        (("--fault", '"x"'), "a fault rule is no JSON object", "write it as {"),
        (("--fault", '{"probability": 2, "status": 500}'), "probability of a fault is 2", "from 0 to 1"),
        (("--rate-limit", "0"), "0.0 is not in the range x>0", "--help"),
        (("--settle", "-1"), "-1.0 is not in the range x>=0", "--help"),
        (("--metric-lag", "soon"), "'soon' is not a valid float", "--help"),
        (("--state", __file__), "is a file", "--help"),
    ],
)
@pytest.mark.parametrize("verb", [("up",), ("run", "true")], ids=["up", "run"])
def test_an_option_that_cannot_be_is_told_before_anything_starts(
    verb: tuple[str, ...], words: tuple[str, ...], cause: str, fix: str, cli: Cli, temporary: Path
) -> None:
    ran = cli("sandbox", verb[0], *words, *verb[1:])

    assert ran.code == 2 and cause in ran.lines("error:")[0] and fix in ran.lines("fix:")[0]
    assert list(temporary.iterdir()) == []


def test_a_fault_of_no_service_ends_the_sandbox_again(tmp_path: Path, temporary: Path) -> None:
    ran = subprocess.run(
        command("run", "--fault", '{"service": "lamda", "status": 500}', "--", "true", at=tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 2 and ran.stderr.startswith("error: there is no AWS service 'lamda'\nfix: ")
    assert_nothing_left([], temporary)


@pytest.mark.prove
def test_a_sandbox_is_as_slow_and_as_strict_as_asked(tmp_path: Path) -> None:
    probe = """
import boto3, time
from botocore.config import Config
from botocore.exceptions import ClientError
functions = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
refused = 0
for _ in range(10):
    try:
        functions.list_functions()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "TooManyRequestsException"
        refused += 1
print(refused)
"""
    options = ("--rate-limit", "3", "--metric-lag", "1.5", "--settle", "0")
    ran = subprocess.run(
        command("run", *options, "--", sys.executable, "-c", probe, at=tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 0, ran.stderr
    assert 3 <= int(ran.stdout) <= 7


@pytest.mark.prove
def test_a_saved_state_goes_on_with_its_buckets_and_its_remote(fleet: Fleet, tmp_path: Path) -> None:
    state = tmp_path / "state"

    def in_state(script: str) -> str:
        ran = subprocess.run(
            command("run", "--state", str(state), "--", "sh", "-ec", script, at=fleet.clone),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    make = "import boto3; boto3.client('s3').create_bucket(Bucket='mine')"
    in_state(f'{sys.executable} -c "{make}"; git push --quiet sandbox HEAD:refs/heads/release-ledger')

    buckets = (
        "import boto3; print(sorted(one['Name'] for one in boto3.client('s3').list_buckets()['Buckets']))"
    )
    found = in_state(f'{sys.executable} -c "{buckets}"; git ls-remote sandbox')
    assert "'acme-artifacts-us-east-1', 'mine'" in found
    assert "refs/heads/release-ledger" in found and "refs/heads/main" in found


@contextmanager
def started(*words: str, at: Path, **streams: Any) -> "Iterator[subprocess.Popen[str]]":
    """In a group of its own, as a terminal starts it; ended with it whatever the test does."""
    process = subprocess.Popen(command(*words, at=at), start_new_session=True, text=True, **streams)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("ctrl-c", 130),
        pytest.param("terminate", 143, marks=pytest.mark.prove),
        pytest.param("hang up", 129, marks=pytest.mark.prove),
        ("kill", -9),
    ],
)
def test_however_it_ends_nothing_is_left(ends: str, code: int, tmp_path: Path, temporary: Path) -> None:
    ready = tmp_path / "ready"
    with started("run", "--", "sh", "-c", f"touch {ready}; exec sleep 100", at=tmp_path) as process:
        wait_for(ready)
        pids = descendants(process.pid)
        assert len(pids) >= 3  # release, the sandbox, the command
        match ends:
            case "ctrl-c":
                os.killpg(process.pid, signal.SIGINT)  # a terminal tells the whole group
            case "terminate":
                process.terminate()
            case "hang up":
                process.send_signal(signal.SIGHUP)
            case "kill":
                process.kill()

        assert process.wait(30) == code
        if ends == "kill":  # nobody is left to tell the command, which is the user's own; the rest notices
            os.killpg(process.pid, signal.SIGKILL)
        assert_nothing_left(pids, temporary)


def test_a_command_may_survive_ctrl_c_and_decide_itself(tmp_path: Path, temporary: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'echo tidied up; exit 5' INT; touch {ready}; while :; do sleep 0.05; done"
    with started("run", "--", "sh", "-c", script, at=tmp_path, stdout=subprocess.PIPE) as process:
        wait_for(ready)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert (process.returncode, out) == (5, "tidied up\n")
    assert_nothing_left([], temporary)


# -- up ------------------------------------------------------------------------------------------------------


@contextmanager
def up(at: Path, exports: Path) -> "Iterator[subprocess.Popen[str]]":
    """A sandbox that is ready, its exports in a file."""
    with exports.open("w") as out, started("up", at=at, stdout=out, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("sandbox ready at http://127.0.0.1:"), line
        yield process


def in_a_shell(exports: Path, script: str, at: Path) -> str:
    done = subprocess.run(
        ["sh", "-c", f'eval "$(cat {exports})"; {script}'],
        cwd=at,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_shell_can_use_what_up_prints_until_it_ends(fleet: Fleet, tmp_path: Path, temporary: Path) -> None:
    exports = tmp_path / "exports.sh"
    buckets = "import boto3; print(len(boto3.client('s3').list_buckets()['Buckets']))"
    with up(fleet.clone, exports) as process:
        assert in_a_shell(exports, "git ls-remote sandbox HEAD", fleet.clone).startswith(
            fleet.git("rev-parse", "HEAD")
        )
        assert in_a_shell(exports, f'{sys.executable} -c "{buckets}"', fleet.clone) == "1"
        assert in_a_shell(exports, "release next qa --ref HEAD", fleet.clone).startswith("v1.0.0-qa.1 ")
        pids = descendants(process.pid)
        process.send_signal(signal.SIGINT)

        assert process.wait(30) == 0
    assert_nothing_left(pids, temporary)


def test_up_ends_when_the_sandbox_does(tmp_path: Path, temporary: Path) -> None:
    with up(tmp_path, tmp_path / "exports.sh") as process:
        pids = descendants(process.pid)
        (server,) = (pid for pid in pids if "release.sandbox.aws" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(server, signal.SIGKILL)
        _, said = process.communicate(timeout=30)
        assert "error: the sandbox has ended by itself" in said
        assert process.returncode == 4
    assert_nothing_left(pids, temporary)


@pytest.mark.parametrize("place", ["file/state", "state.lock"])
def test_a_folder_for_the_state_that_cannot_be_written_is_a_slip(
    place: str, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "state.lock" / "state.lock").mkdir(parents=True)
    ran = subprocess.run(
        command("run", "--state", str(tmp_path / place), "--", "true", at=tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 2
    assert "cannot be written" in ran.stderr and "fix: give the sandbox another folder" in ran.stderr


@pytest.mark.prove
def test_two_side_by_side_know_nothing_of_each_other(fleet: Fleet, tmp_path: Path, temporary: Path) -> None:
    first, second = tmp_path / "first.sh", tmp_path / "second.sh"
    with up(fleet.clone, first) as one, up(fleet.clone, second) as other:
        in_a_shell(first, "git push --quiet sandbox HEAD:refs/heads/mine", fleet.clone)

        assert "refs/heads/mine" in in_a_shell(first, "git ls-remote sandbox", fleet.clone)
        assert "refs/heads/mine" not in in_a_shell(second, "git ls-remote sandbox", fleet.clone)
        endpoints = {in_a_shell(file, "echo $AWS_ENDPOINT_URL", tmp_path) for file in (first, second)}
        assert len(endpoints) == 2
        pids = descendants(one.pid) | descendants(other.pid)
        one.terminate()
        one.wait(30)
        assert "refs/heads/main" in in_a_shell(second, "git ls-remote sandbox", fleet.clone)
        other.terminate()
        assert other.wait(30) == 143
    assert_nothing_left(pids, temporary)
