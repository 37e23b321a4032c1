"""`release local` from the first `up` to `down`, by its commands, with a fleet of one small service."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.fleet import Clone, client, get, items, small_fleet, taken_down

pytestmark = pytest.mark.prove  # a sandbox with built stacks, and a process for every command

TABLE = "greeter-dev-greeted"
HANDLER = "services/greeter/greeter/handler.py"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    with taken_down(small_fleet(tmp_path)) as made:
        yield made


@pytest.fixture
def opened() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.05)


def test_a_fleet_is_developed_on_this_machine(clone: Clone) -> None:
    clone.release("local", "invoke", "greeter", ends=2)  # nothing is up yet, and that is said

    up = clone.up("--port", "0")
    assert up["stage"] == "dev"
    assert [one["routes"] for one in up["services"]] == [["GET /hello/{name}"]]
    assert get(up["url"], "/hello/ada") == (200, "hello Countess!")
    assert get(up["url"], "/hello/bob") == (200, "hello stranger!")
    assert get(up["url"], "/nowhere") == (404, '{"message":"Not Found"}')
    assert sorted(item["name"]["S"] for item in items(up, TABLE)) == ["ada", "bob", "grace"]
    assert {"N": "1.25"} in [item.get("times") for item in items(up, TABLE)]

    # From a file, from stdin, and what it prints is on stderr alone.
    done = clone.release("local", "invoke", "greeter")
    assert json.loads(done.stdout)["body"] == "hello Countess!"
    assert "greeted who=ada" in done.stderr
    event = clone.release(
        "local", "event", "apigateway", "--path", "/hello/eve", "--route", "GET /hello/{name}"
    )
    done = clone.release("local", "invoke", "greeter", "--event", "-", stdin=event.stdout)
    assert json.loads(done.stdout)["body"] == "hello stranger!"

    # What is saved is what the next call runs: code of the service, and of the shared core.
    clone.edit(HANDLER, "{PUNCTUATION}", "{PUNCTUATION}?")
    assert get(up["url"], "/hello/ada") == (200, "hello Countess!?")
    clone.write("services/common/words.py", 'PUNCTUATION = "."\n')
    assert get(up["url"], "/hello/ada") == (200, "hello Countess.?")

    # A queue calls it as well.
    queue = next(url for name, url in up["services"][0]["queues"].items() if name == "Inbox")
    client(up, "sqs").send_message(QueueUrl=queue, MessageBody="by-queue")
    until(lambda: "by-queue" in [item["name"]["S"] for item in items(up, TABLE)])

    # Code that fails: what API Gateway answers, and the traceback where a developer looks.
    clone.edit(HANDLER, 'name = event["pathParameters"]["name"]', 'raise LookupError("by design")')
    assert get(up["url"], "/hello/ada") == (500, '{"message":"Internal Server Error"}')
    done = clone.release("local", "invoke", "greeter", ends=3)
    assert json.loads(done.stdout)["errorType"] == "LookupError"
    assert "Traceback (most recent call last)" in done.stderr
    assert "handler.py" in done.stderr
    logged = clone.release("local", "logs", "greeter")
    assert "LookupError: by design" in logged.stdout
    raw = [json.loads(line) for line in clone.release("local", "logs", "--json").stdout.splitlines()]
    assert {"level": "INFO", "message": "greeted", "who": "bob"}.items() <= raw[2].items() | raw[1].items()
    clone.edit(HANDLER, 'raise LookupError("by design")', 'name = event["pathParameters"]["name"]')
    assert get(up["url"], "/hello/ada")[0] == 200

    # Up again: the same server, with what has changed in template, settings and seeds.
    clone.edit("services/greeter/service.yaml", "GREETING: hello", "GREETING: welcome")
    clone.edit(
        "services/greeter/template.yaml.j2",
        '["GET /hello/{name}"]',
        '["GET /hello/{name}", "GET /hi/{name}"]',
    )
    clone.write("services/greeter/local.env", "# mine\nGREETING=servus\n")
    again = clone.up()
    assert (again["pid"], again["url"]) == (up["pid"], up["url"])
    assert get(up["url"], "/hi/ada") == (200, "servus Countess.?")
    count = len(items(up, TABLE))
    assert "1 item in" in clone.release("local", "seed", "greeter").stdout
    assert len(items(up, TABLE)) == count

    # A crash leaves nothing that stands in the way.
    os.kill(up["pid"], signal.SIGKILL)
    until(lambda: "not up" in clone.release("local", "logs", ends=2).stderr)
    anew = clone.up("--port", "0")
    assert anew["pid"] != up["pid"]
    assert [item["name"]["S"] for item in items(anew, TABLE)] == ["grace"]
    assert get(anew["url"], "/hi/ada") == (200, "servus Countess.?")

    # A migration that says no is said, with what it is about; mended, `up` goes on.
    migrate = "services/greeter/greeter/migrate.py"
    clone.edit(migrate, '{"up": "head"}', '{"up": "tail"}')
    refused = clone.release("local", "up", ends=3).stderr
    assert "the migration of greeter said no: Unhandled ValueError" in refused
    clone.edit(migrate, '{"up": "tail"}', '{"up": "head"}')
    clone.up()

    assert "nothing is left" in clone.release("local", "down").stderr
    assert not (clone.top / ".release-local").exists()
    assert not list(clone.top.rglob("__pycache__"))
    assert "nothing was up" in clone.release("local", "down").stderr


def test_two_that_bring_it_up_at_once_have_one_server(clone: Clone) -> None:
    both = [clone.start("local", "up", "--port", "0", "--json") for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]

    assert [one.returncode for one in both] == [0, 0], said
    assert len({json.loads(out)["pid"] for out, _ in said}) == 1


def test_api_serves_in_the_terminal_and_shows_what_fails(clone: Clone) -> None:
    clone.up("--port", "0")
    api = clone.start("local", "api", "--port", "0")
    assert api.stderr is not None
    lines: list[str] = []
    while not (line := api.stderr.readline()).startswith("serving at "):
        assert line, lines
        lines.append(line)
    url = line.split()[2].rstrip(";")
    assert any("GET /hello/{name}" in one for one in lines)

    assert get(url, "/hello/ada") == (200, "hello Countess!")
    clone.edit(HANDLER, "    name = event", "    name = evnt")
    assert get(url, "/hello/ada")[0] == 500
    time.sleep(1.0)
    api.send_signal(signal.SIGINT)
    _, said = api.communicate(timeout=30)

    assert api.returncode == 0
    assert "200 GET /hello/ada" in said
    assert "500 GET /hello/ada" in said
    assert "NameError: name 'evnt' is not defined" in said


def test_a_debugger_steps_into_the_handler(clone: Clone, opened: contextlib.ExitStack) -> None:
    pytest.importorskip("debugpy")
    clone.up("--port", "0")
    process = clone.start("local", "invoke", "greeter", "--debug", "--debug-port", "0")
    assert process.stderr is not None
    port = int(process.stderr.readline().split("127.0.0.1:")[1].split(";")[0])
    handler = str(clone.top / HANDLER)
    stop = next(
        n for n, text in enumerate((clone.top / HANDLER).read_text().splitlines(), 1) if "known[0]" in text
    )

    debugger = opened.enter_context(Debugger(port))
    debugger.send("initialize", adapterID="test")
    debugger.until("response", "initialize")
    debugger.send("attach", justMyCode=False)
    debugger.until("event", "initialized")
    debugger.send("setBreakpoints", source={"path": handler}, breakpoints=[{"line": stop}])
    debugger.send("configurationDone")
    stopped = debugger.until("event", "stopped")
    thread = stopped["body"]["threadId"]
    debugger.send("stackTrace", threadId=thread, levels=1)
    frame = debugger.until("response", "stackTrace")["body"]["stackFrames"][0]
    debugger.send("evaluate", expression="name", frameId=frame["id"])
    seen = debugger.until("response", "evaluate")["body"]["result"]
    debugger.send("continue", threadId=thread)
    out, err = process.communicate(timeout=60)

    assert (frame["line"], seen) == (stop, "'ada'")
    assert process.returncode == 0, err
    assert json.loads(out)["body"] == "hello Countess!"


class Debugger:
    """A client of the Debug Adapter Protocol: https://microsoft.github.io/debug-adapter-protocol/"""

    def __init__(self, port: int) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except OSError:
                assert time.monotonic() < end, "nobody listens"
                time.sleep(0.05)
        self._file = self._socket.makefile("rb")
        self._number = 0

    def __enter__(self) -> "Debugger":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, command: str, **arguments: Any) -> None:
        self._number += 1
        body = json.dumps(
            {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        ).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def until(self, kind: str, name: str) -> dict[str, Any]:
        while True:
            length = 0
            while (line := self._file.readline().strip()) or not length:
                assert line or length, "the adapter has hung up"
                length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
            message: dict[str, Any] = json.loads(self._file.read(length))
            if message["type"] == kind and name in (message.get("event"), message.get("command")):
                assert message.get("success", True), message
                return message


def test_what_no_command_can_use_is_refused_before_anything_starts(clone: Clone) -> None:
    clone.write("services/greeter/service.yaml", "team: backend\n")

    refused = clone.release("local", "up", ends=2).stderr

    assert "services/greeter/service.yaml" in refused
    assert not (clone.top / ".release-local" / "serving.json").exists()
    assert (
        subprocess.run(
            ["git", "status", "--porcelain", "--", ".release-local"],
            cwd=clone.top,
            capture_output=True,
            check=True,
        ).stdout
        == b""
    )
