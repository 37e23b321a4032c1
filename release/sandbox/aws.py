"""The server process of the embedded AWS: `python -m release.sandbox.aws [--port N] [--root DIR]`.

It binds 127.0.0.1 only, makes its own clean environment, and prints `ready URL` when it answers. With
`--lifeline` it ends when standard input is closed, which also happens when the process that started it is
killed.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release.sandbox.faults import Application, Message, Receive, Scope, Send
    from release.sandbox.workers import WorkerPool

DEFAULT_SETTLE_SECONDS = 0.3
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPYCACHEPREFIX")


def main() -> None:
    arguments = _arguments()
    root = (arguments.root or Path(tempfile.mkdtemp(prefix="release-sandbox-"))).resolve()
    listener = socket.create_server(("127.0.0.1", arguments.port), backlog=512)
    port = listener.getsockname()[1]
    _clean_environment(root, port)
    endpoint = f"http://127.0.0.1:{port}"
    application, pool = _assemble(root, endpoint, arguments.settle_seconds)
    status = 0
    try:
        asyncio.run(_serve(application, listener, endpoint, lifeline=arguments.lifeline))
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        pool.close()
        # A temporary root goes with the server, so that nothing stays behind when its starter was killed.
        if arguments.temporary or arguments.root is None:
            shutil.rmtree(root, ignore_errors=True)
        # Handlers may still run in threads; nobody waits for them any more.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m release.sandbox.aws", description="an AWS on loopback")
    parser.add_argument("--port", type=int, default=0, help="0 is any free port")
    parser.add_argument("--root", type=Path, help="where it keeps files; without it a temporary folder")
    parser.add_argument("--temporary", action="store_true", help="remove the root at the end")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input is closed")
    parser.add_argument(
        "--settle-seconds", type=float, default=DEFAULT_SETTLE_SECONDS, help="how long an update lasts"
    )
    return parser.parse_args()


def _clean_environment(root: Path, port: int) -> None:
    """Credentials, proxies and settings of whoever starts the server reach neither it nor any handler."""
    temporary = root / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    os.environ.clear()
    os.environ.update(
        inherited,
        HOME=str(root),
        TMPDIR=str(temporary),
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        # ministack would clean up containers of other ministacks on this machine.
        DOCKER_HOST=f"unix://{root}/no-docker",
        STATE_DIR=str(root / "state"),
        S3_DATA_DIR=str(root / "s3"),
        LOG_LEVEL="WARNING",
    )
    tempfile.tempdir = str(temporary)


def _assemble(root: Path, endpoint: str, settle_seconds: float) -> tuple["Application", "WorkerPool"]:
    # Imported here because ministack reads the environment while it is imported.
    from release.sandbox import code_access, emulator, http_apis, identity
    from release.sandbox.alarms import Alarms
    from release.sandbox.aliases import AliasRules
    from release.sandbox.faults import FaultInjection
    from release.sandbox.faults_in_force import FaultRules
    from release.sandbox.guards import Guards
    from release.sandbox.invocation import Invocations
    from release.sandbox.stacks import Stacks
    from release.sandbox.workers import WorkerPool

    rules, pool = FaultRules(), WorkerPool(root / "workers")
    code_access.install()
    identity.install()
    http_apis.install()
    Guards(settle_seconds).install()
    AliasRules().install()
    Invocations(pool, endpoint).install()
    Alarms().install()
    Stacks(rules).install()
    return FaultInjection(emulator.app.app, rules, identity.account_of), pool


async def _serve(
    application: "Application", listener: socket.socket, endpoint: str, *, lifeline: bool
) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if lifeline:

        def watch() -> None:
            while os.read(0, 1024):
                pass
            loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=watch, daemon=True, name="lifeline").start()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "ERROR"
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.1  # clients keep connections open; there is nothing to wait for

    async def announced(scope: "Scope", receive: "Receive", send: "Send") -> None:
        await application(
            scope, receive, _announcing(endpoint, send) if scope["type"] == "lifespan" else send
        )

    await serve(announced, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def _announcing(endpoint: str, send: "Send") -> "Send":
    async def announce(message: "Message") -> None:
        await send(message)
        if message["type"] == "lifespan.startup.complete":
            print(f"ready {endpoint}", flush=True)
            # Whoever started the server reads one line; later output must not fill or break its pipe.
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    return announce


if __name__ == "__main__":
    main()
