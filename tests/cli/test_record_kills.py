"""Killed at any call to GitHub, or with any answer lost, a record ends in one complete release."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from release.sandbox.session import Sandbox
from tests.cli.conftest import _somebody
from tests.cli.record_worlds import FILES_NAMED, FORGED, Cut, Recorded
from tests.fakes.ports import FakeClock

pytestmark = FORGED
ROOT = Path(__file__).resolve().parents[2]


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def killed() -> None:
    raise Killed


def lost() -> None:
    raise httpx.ReadError("the connection was lost")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with _somebody():
        return Recorded.whole(tmp_path_factory.mktemp("killed") / "fleet")


@pytest.fixture
def fresh(made: Recorded, sandbox: Sandbox) -> Callable[[], Recorded]:
    """The same repository as another one of the forge, which holds nothing of it but its pull request."""
    commit = made.fleet.git("rev-parse", "HEAD")

    def world() -> Recorded:
        found = Recorded(made.fleet).at(sandbox)
        sandbox.forge.add_pull(found.name, "prices", [commit], number=12, merged_as=commit)
        return found

    return world


def whole(world: Recorded) -> dict[str, Any]:
    """What people see, without ids and times."""
    return {
        "deployments": sorted(world.deployments()),
        "releases": world.releases(),
        "comments": len(world.comments(12)),
        "latest": world.shown()["latest"] is not None,
    }


@dataclass(frozen=True)
class Uncut:
    """A record that nothing has happened to."""

    calls: list[str]  # "POST /…/releases"
    result: dict[str, Any]


@pytest.fixture(scope="module")
def seen() -> list[Uncut]:
    """What was seen of it: it goes the same way in every world."""
    return []


@pytest.fixture
def uncut(seen: list[Uncut], made: Recorded, fresh: Callable[[], Recorded]) -> Uncut:
    if seen:
        return seen[0]
    world, cut = fresh(), Cut(None, after=False, how=killed)
    world.record(transport=cut, setup=made.setup())
    result = whole(world)
    assert result["releases"] == [("v1.0.0", False, FILES_NAMED)]
    assert (len(result["deployments"]), result["comments"], result["latest"]) == (4, 1, True)
    seen.append(Uncut(cut.calls, result))
    return seen[0]


def points_of(uncut: Uncut) -> list[tuple[int, bool]]:
    """(call, whether its effect is there), of all calls in order; they are counted from 1."""
    return [(number, after) for number in range(1, len(uncut.calls) + 1) for after in (False, True)]


def end_right_when_killed(
    points: list[tuple[int, bool]], uncut: Uncut, made: Recorded, fresh: Callable[[], Recorded]
) -> None:
    setup = made.setup()
    for number, after in points:
        world = fresh()
        with pytest.raises(Killed):
            world.record(transport=Cut(number, after=after, how=killed), setup=setup)

        world.record(setup=setup)

        when = "after" if after else "before"
        assert whole(world) == uncut.result, f"killed {when} call {number}, {uncut.calls[number - 1]}"


def test_killed_at_calls_and_run_again_there_is_one_complete_release(
    uncut: Uncut, made: Recorded, fresh: Callable[[], Recorded]
) -> None:
    writes = [number for number, call in enumerate(uncut.calls, 1) if not call.startswith("GET")]
    assert len(writes) >= 12

    end_right_when_killed([(number, True) for number in writes[::4]], uncut, made, fresh)


@pytest.mark.prove
def test_killed_at_every_call_and_run_again_there_is_one_complete_release(
    uncut: Uncut,
    made: Recorded,
    fresh: Callable[[], Recorded],
    record_property: Callable[[str, object], None],
) -> None:
    points = points_of(uncut)
    assert len(points) >= 40

    end_right_when_killed(points, uncut, made, fresh)

    record_property(
        "proof",
        f"record on GitHub: killed at {len(points)} points ({len(uncut.calls)} calls), each ends whole",
    )


@pytest.mark.parametrize(
    "every", [pytest.param(10, id="some"), pytest.param(1, id="all", marks=pytest.mark.prove)]
)
def test_an_answer_that_is_lost_is_looked_up_in_the_same_run(
    every: int, uncut: Uncut, made: Recorded, fresh: Callable[[], Recorded]
) -> None:
    setup = made.setup()
    for number in range(1, len(uncut.calls) + 1, every):
        world = fresh()

        world.record(transport=Cut(number, after=True, how=lost), clock=FakeClock(), setup=setup)

        assert whole(world) == uncut.result, f"lost: call {number}, {uncut.calls[number - 1]}"


@pytest.mark.parametrize(
    "nth", [0, pytest.param(1, marks=pytest.mark.prove), pytest.param(2, marks=pytest.mark.prove), 3]
)
def test_two_that_record_at_the_same_time_leave_one_release(
    nth: int, uncut: Uncut, made: Recorded, fresh: Callable[[], Recorded]
) -> None:
    """Another does it all when one has made a deployment, its draft, its first file, or its last one."""
    writes = [number for number, call in enumerate(uncut.calls, 1) if not call.startswith("GET")]
    world, setup = fresh(), made.setup()
    others: list[int] = []

    def meanwhile() -> None:
        others.append(world.record(setup=setup))

    cut = Cut(writes[(0, 4, 5, 8)[nth]], after=True, how=meanwhile)
    world.record(transport=cut, clock=FakeClock(), setup=setup)
    world.record(setup=setup)

    assert others, "the other one has not recorded"
    assert world.releases() == [("v1.0.0", False, FILES_NAMED)]
    serving = [one for one in world.deployments() if one[2] == "success"]
    assert len(serving) == len(set(serving)) == 2


# -- kill -9 of the real process


class Gallows:
    """A proxy before the forge that kills a process at one of its calls, before it is heard or after."""

    def __init__(self, endpoint: str, at: int, *, after: bool) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.heard = 0
        self._client = httpx.Client(
            timeout=60
        )  # one for all calls: to make it takes longer than most of them
        gallows = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                gallows.heard += 1
                is_now = gallows.heard == at
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if is_now and not after:
                    gallows.kill()
                    return
                headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
                answer = gallows._client.request(
                    self.command, endpoint + self.path, content=body, headers=headers
                )
                if is_now:
                    gallows.kill()
                    return
                # Addresses in answers lead past us otherwise.
                content = answer.content.replace(endpoint.encode(), gallows.url.encode())
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = _pass_on

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> "Gallows":
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._client.close()


@pytest.mark.prove
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_that_is_killed_at_a_write_is_made_good_by_the_same_command(
    after: bool, uncut: Uncut, made: Recorded, fresh: Callable[[], Recorded]
) -> None:
    writes = [number for number, call in enumerate(uncut.calls, 1) if not call.startswith("GET")]
    words = [sys.executable, "-m", "release", "-C", str(made.fleet.clone), "record", "prod", "--yes"]
    for number in writes[:: 2 if after else 4]:
        world = fresh()
        with Gallows(world.sandbox.endpoint, number, after=after) as gallows:
            api = world.sandbox.forge.api.replace(world.sandbox.endpoint, gallows.url)
            environ = {**os.environ, **world.environ, "GITHUB_API_URL": api, "PYTHONPATH": str(ROOT)}
            gallows.process = subprocess.Popen(
                words, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            gallows.process.communicate(timeout=60)
        assert gallows.process.returncode == -signal.SIGKILL, gallows.heard

        world.record(setup=made.setup())

        assert whole(world) == uncut.result, uncut.calls[number - 1]


# -- the sandbox's own faults

FAULTS = {
    "reads answer 502": [{"method": "GET", "status": 502, "skip": 2, "times": 4}],
    "writes answer 502 when done": [
        {"method": "POST", "status": 502, "when": "after", "skip": 5, "times": 2}
    ],
    "a secondary limit": [{"status": 403, "retry_after": 30, "skip": 9, "times": 1}],
    "uploads lose their answers": [
        {"operation": "repos/upload-release-asset", "close": True, "when": "after", "times": 2}
    ],
}


@pytest.mark.parametrize("rules", FAULTS.values(), ids=FAULTS)
def test_a_github_in_trouble_holds_up_the_end_and_changes_nothing_of_it(
    rules: list[dict[str, Any]],
    uncut: Uncut,
    made: Recorded,
    fresh: Callable[[], Recorded],
    sandbox: Sandbox,
) -> None:
    world, clock = fresh(), FakeClock()
    added = [
        sandbox.add_fault({"service": "github", "resource": world.name, "seed": 5, **rule}) for rule in rules
    ]
    try:
        world.record(clock=clock, setup=made.setup())
        met = [one["fired"] for one in sandbox.faults_in_force() if one["id"] in added]
    finally:
        for one in added:
            sandbox.remove_fault(one)

    assert min(met) >= 1 and clock.sleeps
    assert whole(world) == uncut.result
