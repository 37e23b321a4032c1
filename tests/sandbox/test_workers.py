"""Workers without an emulator round them: with AWS's runtime client, and with the one in plain Python."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release.sandbox.worker import Outcome, Program
from release.sandbox.workers import WorkerPool
from tests.sandbox.calls import zipped

ARN = "arn:aws:lambda:us-east-1:111111111111:function:orders"


@pytest.fixture(params=[False, True], ids=["awslambdaric", "plain-python"])
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerPool]:
    pool = WorkerPool(tmp_path, pure_python=request.param)
    yield pool
    pool.close()


def program(source: str, timeout_seconds: float = 10) -> Program:
    code = zipped(source)
    environment = {
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[1]abc",
        "AWS_REGION": "us-east-1",
    }
    return Program(
        version_arn=f"{ARN}:1",
        handler="app.handler",
        timeout_seconds=timeout_seconds,
        environment=tuple(environment.items()),
        digest=hashlib.sha256(code).hexdigest(),
        code=code,
    )


def run(pool: WorkerPool, source: str, event: Any = None, timeout_seconds: float = 10) -> Outcome:
    payload = json.dumps(event).encode()
    return pool.invoke(program(source, timeout_seconds), "request-1", payload, f"{ARN}:live")


COUNTER = """
import os
seen = []
def handler(event, context):
    seen.append(event)
    print("event", event)
    return [os.getpid(), len(seen), context.aws_request_id, context.invoked_function_arn,
            context.function_name, context.function_version, context.log_group_name]
"""


def test_a_warm_worker_serves_the_next_event(pool: WorkerPool) -> None:
    first, second = run(pool, COUNTER, "a"), run(pool, COUNTER, "b")
    pid, count, *context = json.loads(second.payload)

    assert json.loads(first.payload)[0] == pid and count == 2
    assert context == ["request-1", f"{ARN}:live", "orders", "1", "/aws/lambda/orders"]
    assert (first.log, second.log) == ("event a\n", "event b\n")
    assert not first.failed


@pytest.mark.parametrize(
    ("source", "error_type", "message"),
    [
        ("def handler(event, context): raise KeyError('price')\n", "KeyError", "'price'"),
        ("import missing_one\n", "Runtime.ImportModuleError", "No module named 'missing_one'"),
        ("x = 1\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("raise OSError('no disk')\n", "OSError", "no disk"),
        ("def handler(event, context:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("def handler(event, context): return 'x' * 6291556\n", "Function.ResponseSizeTooLarge", "6291556"),
        ("def handler(event, context): return object()\n", "Runtime.MarshalError", "not JSON serializable"),
        ("import os\ndef handler(event, context): os._exit(7)\n", "Runtime.ExitError", "exit status 7"),
    ],
)
def test_what_goes_wrong_is_in_the_payload(
    pool: WorkerPool, source: str, error_type: str, message: str
) -> None:
    outcome = run(pool, source)
    described = json.loads(outcome.payload)

    assert outcome.failed
    assert described["errorType"] == error_type
    assert message in described["errorMessage"]


SPOKEN = """
import logging
from decimal import Decimal
def handler(event, context):
    logging.getLogger().warning("seen")
    context.log("said\\n")
    remaining = 0 < context.get_remaining_time_in_millis() <= 10_000
    return [Decimal("1.5"), Decimal(3), "\U0001f600\\ud800", event, remaining, context.memory_limit_in_mb,
            context.identity.cognito_identity_id, context.client_context, context.tenant_id]
"""


def test_both_clients_give_a_handler_the_same(pool: WorkerPool) -> None:
    outcome = run(pool, SPOKEN, {"k": "\u00e9" * 1_000_000})

    expected = [1.5, 3, "\U0001f600\ud800", {"k": "\u00e9" * 1_000_000}, True, "128", None, None, None]
    assert json.loads(outcome.payload) == expected
    assert re.fullmatch(
        r"\[WARNING\]\t\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z\trequest-1\tseen\nsaid\n+", outcome.log
    )


def test_bytes_are_given_as_they_are(pool: WorkerPool) -> None:
    outcome = run(pool, "def handler(event, context): return b'no json'\n")
    assert (outcome.payload, outcome.failed) == (b"no json", False)


def test_a_handler_that_takes_too_long_ends_with_what_it_started(pool: WorkerPool, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    child = f"while True: open({str(beat)!r}, 'a').write('.'); time.sleep(0.01)"
    source = (
        "import subprocess, sys, time\n"
        f"CHILD = {'import time' + chr(10) + child!r}\n"
        "def handler(event, context):\n"
        "    subprocess.Popen([sys.executable, '-c', CHILD])\n"
        "    time.sleep(60)\n"
    )
    outcome = run(pool, source, timeout_seconds=0.2)

    assert json.loads(outcome.payload)["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 0.20 seconds" in json.loads(outcome.payload)["errorMessage"]
    time.sleep(0.05)
    size = beat.stat().st_size
    time.sleep(0.1)
    assert 0 < size == beat.stat().st_size


def test_events_at_the_same_time_get_workers_of_their_own(pool: WorkerPool) -> None:
    source = "import os, time\ndef handler(event, context):\n    time.sleep(0.3)\n    return os.getpid()\n"
    pids: list[int] = []
    threads = [
        threading.Thread(target=lambda: pids.append(json.loads(run(pool, source).payload))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(pids)) == 3


def test_much_output_does_not_block_a_handler(pool: WorkerPool) -> None:
    source = "def handler(event, context):\n    for _ in range(2000): print('x' * 99)\n    return 'done'\n"
    outcome = run(pool, source)

    assert json.loads(outcome.payload) == "done"
    assert len(outcome.log) == 200_000


SELF = "import os\ndef handler(event, context): return os.getpid()  # %d\n"


def test_idle_workers_do_not_pile_up(tmp_path: Path) -> None:
    pool = WorkerPool(tmp_path, max_warm=2)
    pids = [json.loads(run(pool, SELF % number).payload) for number in range(4)]

    assert [Path(f"/proc/{pid}").exists() for pid in pids] == [False, False, True, True]
    pool.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_the_worker_that_was_used_longest_ago_ends_first(tmp_path: Path) -> None:
    pool = WorkerPool(tmp_path, max_warm=2)
    first, second = (json.loads(run(pool, SELF % number).payload) for number in (1, 2))
    assert json.loads(run(pool, SELF % 1).payload) == first  # used again, and so no longer the oldest
    third = json.loads(run(pool, SELF % 3).payload)

    assert [Path(f"/proc/{pid}").exists() for pid in (first, second, third)] == [True, False, True]
    pool.close()


class Foreign:
    """An idle process of somebody else."""

    def __init__(self, last_used: float) -> None:
        self.last_used = last_used
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


def test_processes_of_others_count_against_the_same_cap(tmp_path: Path) -> None:
    old, young = Foreign(0.0), Foreign(time.time() + 1000)
    pool = WorkerPool(tmp_path, max_warm=2, others=lambda: [one for one in (old, young) if not one.stopped])
    pid = json.loads(run(pool, SELF % 1).payload)

    assert (old.stopped, young.stopped, Path(f"/proc/{pid}").exists()) == (True, False, True)
    newest = Foreign(time.time() + 2000)
    pool.trim()
    assert Path(f"/proc/{pid}").exists()
    old = newest
    pool.trim()
    assert (young.stopped, newest.stopped, Path(f"/proc/{pid}").exists()) == (False, False, False)
    pool.close()


def test_nothing_is_kept_warm_when_nothing_may_be(tmp_path: Path) -> None:
    pool = WorkerPool(tmp_path, max_warm=0)
    first, second = (json.loads(run(pool, SELF % 1).payload) for _ in range(2))

    assert first != second
    assert not any(Path(f"/proc/{pid}").exists() for pid in (first, second))
