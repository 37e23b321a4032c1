"""The process that keeps sandbox and HTTP front until somebody ends it: `python -m release.local.server`.

Its sandbox ends with it, however that happens.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from release.core.local import Serving
from release.errors import Conflict, Misconfigured, ReleaseError, Unavailable
from release.local.front import FleetFile, Front
from release.local.workplace import Workplace
from release.sandbox.session import Sandbox

PORT: Final = 3000  # as `sam local start-api` has it
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_GONE_SECONDS: Final = 2.0


def start(workplace: Workplace, port: int | None) -> Serving:
    """Have a server for the work tree; one that is there already serves on.

    `port` None: 3000, or any free one. Raises Misconfigured (also where another port is asked for than it
    has), Conflict and Unavailable.
    """
    serving = workplace.serving()
    if serving is not None:
        if port not in (None, 0) and not serving.url.endswith(f":{port}"):
            raise Misconfigured(
                f"it is up already, at {serving.url}",
                fix="leave --port away, or end it first: release local down",
            )
        return serving
    process = None if workplace.is_claimed() else _started(workplace, port)
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if (serving := workplace.serving()) is not None:
            return serving
        if process is not None and process.poll() is not None:
            raise _refused(workplace)
        time.sleep(_LOOK_SECONDS)
    if process is not None:
        process.kill()
    raise Unavailable(
        f"the server is not ready after {_START_SECONDS:.0f} s",
        fix="release local down",
        see=str(workplace.server_log),
    )


def _started(workplace: Workplace, port: int | None) -> "subprocess.Popen[bytes]":
    workplace.prepare()
    workplace.clear()  # now, or what a dead server says of itself would be taken for the new one's words
    command = [sys.executable, "-m", "release.local.server", "--top", str(workplace.top)]
    command += [] if port is None else ["--port", str(port)]
    source = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, inherited)))}
    with workplace.server_log.open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=environment,
            cwd="/",  # a folder `release` in the work tree would be taken for this package
            start_new_session=True,
        )


def _refused(workplace: Workplace) -> ReleaseError:
    """The server's own words."""
    lines = workplace.server_log.read_text(encoding="utf-8", errors="replace").splitlines()
    kinds = {"Misconfigured": Misconfigured, "Conflict": Conflict}
    for line in reversed(lines):
        if line.startswith("refused "):
            said = json.loads(line.removeprefix("refused "))
            return kinds.get(said["kind"], Unavailable)(said["cause"], fix=said["fix"], see=said["see"])
    return Unavailable(
        "the server has ended by itself", fix="release local up", see=str(workplace.server_log),
        details=lines[-10:],
    )  # fmt: skip


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m release.local.server")
    arguments.add_argument("--top", type=Path, required=True)
    arguments.add_argument("--port", type=int)
    asked = arguments.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    try:
        _serve(Workplace(asked.top), asked.port, ended)
    except ReleaseError as error:
        said = {"kind": type(error).__name__, "cause": error.cause, "fix": error.fix, "see": error.see}
        print(f"refused {json.dumps(said)}", file=sys.stderr, flush=True)
        return int(error.exit_code)
    return 0


def _serve(workplace: Workplace, port: int | None, ended: threading.Event) -> None:
    lock = workplace.claim()
    with lock, Sandbox.start(root=workplace.sandbox, settle_seconds=0.0, function_log=True) as sandbox:
        front = _front(port, sandbox.endpoint, FleetFile(workplace.fleet_file))
        with front:
            threading.Thread(target=front.serve_forever, daemon=True, name="front").start()
            workplace.write_serving(Serving(os.getpid(), sandbox.endpoint, front.url))
            threading.Thread(target=_watch, args=(sandbox, ended), daemon=True, name="sandbox").start()
            while not ended.wait(_GONE_SECONDS) and workplace.holds(lock):
                pass  # whoever deletes the work tree cannot say `down` any more
            front.shutdown()


def _front(port: int | None, endpoint: str, fleet: FleetFile) -> Front:
    if port is not None:
        return Front(port, endpoint, fleet)
    try:
        return Front(PORT, endpoint, fleet)
    except Misconfigured:
        return Front(0, endpoint, fleet)


def _watch(sandbox: Sandbox, ended: threading.Event) -> None:
    sandbox.wait()
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
