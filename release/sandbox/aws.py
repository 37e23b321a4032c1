"""The server process of the embedded AWS: `python -m release.sandbox.aws [--port N] [--root DIR] …`.

It binds 127.0.0.1 only, makes its own clean environment, and prints `ready URL` when it answers, or
`refused JSON` when it does not start for a reason that somebody can mend. With `--lifeline` it ends when
standard input is closed, which also happens when the process that started it is killed.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from release.errors import Misconfigured, ReleaseError
from release.sandbox import saved_state
from release.sandbox.options import FUNCTION_LOG, Options

if TYPE_CHECKING:
    from release.sandbox.faults import Application, Message, Receive, Scope, Send
    from release.sandbox.forge.forge import Forge
    from release.sandbox.workers import WorkerPool

_FORGE = "forge"
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPYCACHEPREFIX")


def main() -> None:
    arguments = _arguments()
    root = (arguments.root or Path(tempfile.mkdtemp(prefix="release-sandbox-"))).resolve()
    try:
        options = Options.of_flags(arguments)
        saved = _claim(arguments, root) if options.save_state else None
        listener = _listener(arguments.port, saved)
        if saved:
            saved.begin(listener.getsockname()[1])
    except ReleaseError as error:
        sys.exit(_refuse(error))
    port = listener.getsockname()[1]
    additions = {**(saved.environment() if saved else {}), **_policies(options)}
    _clean_environment(root, port, additions)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        forge = _forge(root, endpoint, saved)
    except ReleaseError as error:
        sys.exit(_refuse(error))
    application, pool, resume = _assemble(root, endpoint, options, forge)
    status = 0

    def started() -> None:
        try:
            if saved:
                saved.require_read()
            resume()
        except ReleaseError as error:
            os._exit(_refuse(error))  # now, or what could not be read would be saved as it is not
        print(f"ready {endpoint}", flush=True)

    try:
        asyncio.run(_serve(application, listener, started, lifeline=arguments.lifeline))
        if saved:
            saved.keep(_FORGE, forge.document())
            saved.end()
    except ReleaseError as error:
        status = int(error.exit_code)
        _log(f"error: {error.cause}\nfix: {error.fix}")
    except BaseException:
        status = 1
        _log(traceback.format_exc())
    finally:
        pool.close()
        # A temporary root goes with the server, so that nothing stays behind when its starter was killed.
        if arguments.temporary or arguments.root is None:
            shutil.rmtree(root, ignore_errors=True)
        # Handlers may still run in threads; nobody waits for them any more.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)


def _claim(arguments: argparse.Namespace, root: Path) -> saved_state.SavedState:
    if arguments.root is None or arguments.temporary:
        raise Misconfigured("a state is saved in a root that stays", fix="give --root DIR with --save-state")
    return saved_state.claim(root)


def _listener(port: int, saved: saved_state.SavedState | None) -> socket.socket:
    wanted = [port] if port or saved is None or saved.port is None else [saved.port, 0]
    for number in wanted:
        with contextlib.suppress(OSError, OverflowError):
            return socket.create_server(("127.0.0.1", number), backlog=512)
    raise Misconfigured(f"port {port} cannot be bound", fix="give another --port, or none: any free one")


def _refuse(error: ReleaseError) -> int:
    """Says it to a person, and to whoever started the server and reads one line. Returns the exit code."""
    said = {"kind": type(error).__name__, "cause": error.cause, "fix": error.fix, "see": error.see}
    print(f"refused {json.dumps(said)}", flush=True)
    _log(f"error: {error.cause}\nfix: {error.fix}")
    return int(error.exit_code)


def _log(text: str) -> None:
    with contextlib.suppress(OSError):  # it may be on the very disk that is full
        print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m release.sandbox.aws", description="an AWS on loopback")
    parser.add_argument("--port", type=int, default=0, help="0 is any free port")
    parser.add_argument("--root", type=Path, help="where it keeps files; without it a temporary folder")
    parser.add_argument("--temporary", action="store_true", help="remove the root at the end")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input is closed")
    Options.add_flags(parser)
    return parser.parse_args()


def _clean_environment(root: Path, port: int, additions: Mapping[str, str]) -> None:
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
        **additions,
    )
    tempfile.tempdir = str(temporary)


def _policies(options: Options) -> Mapping[str, str]:
    """Whether ministack asks the policies of roles. It then checks signatures too, and so
    has to know the one secret of all accounts (session.py).
    """
    return {"AUTH": "true", "AWS_SECRET_ACCESS_KEY": "sandbox"} if options.enforce_policies else {}


def _forge(root: Path, endpoint: str, saved: saved_state.SavedState | None) -> "Forge":
    """The forge, as the last server left it where a state was saved. Raises Misconfigured."""
    from release.sandbox.forge import state
    from release.sandbox.forge.forge import Forge
    from release.sandbox.forge.wire import PREFIX

    known = state.ForgeState(secrets.token_hex(32))
    document = saved.document(_FORGE) if saved else None
    if saved and document is not None:
        try:
            known = state.read(document)
        except (ValueError, TypeError, AttributeError) as error:
            raise saved.damaged(f"{_FORGE}.json: {error}") from error
    return Forge(known, root / _FORGE, f"{endpoint}{PREFIX}")


def _assemble(
    root: Path, endpoint: str, options: Options, forge: "Forge"
) -> tuple["Application", "WorkerPool", Callable[[], None]]:
    """The application, its workers, and what is to be done once a saved state has been read."""
    # Imported here because ministack reads the environment while it is imported.
    from release.sandbox import (
        code_access,
        emulator,
        guards,
        http_apis,
        identity,
        listings,
        node_workers,
        platform_types,
        policies,
        role_boundaries,
        storage,
    )
    from release.sandbox import mappings as event_source_mappings
    from release.sandbox.alarms import Alarms
    from release.sandbox.aliases import AliasRules
    from release.sandbox.faults import FaultInjection
    from release.sandbox.faults_in_force import FaultRules
    from release.sandbox.forge.application import beside
    from release.sandbox.invocation import Invocations
    from release.sandbox.metrics import Metrics
    from release.sandbox.rate_limits import LambdaFront
    from release.sandbox.sources import FunctionLog, Sources
    from release.sandbox.stacks import Stacks
    from release.sandbox.workers import WorkerPool

    rules = FaultRules()
    sources = Sources(root / "bytecode")
    pool = WorkerPool(root / "workers", max_warm=options.max_warm, others=node_workers.idle)
    metrics = Metrics(options.metric_lag_seconds)
    mappings = event_source_mappings.Mappings(options.settle_seconds)
    code_access.install(endpoint)
    identity.install(forge.claims_of)
    policies.install()
    http_apis.install()
    listings.install()
    storage.install()
    guards.Guards(options.settle_seconds).install()
    AliasRules().install()
    mappings.install()
    LambdaFront(options.rate_limit).install()
    metrics.install()
    log = FunctionLog(root / FUNCTION_LOG) if options.function_log else None
    Invocations(pool, endpoint, metrics, sources=sources, log=log).install()
    Alarms(metrics).install()
    platform_types.install()
    role_boundaries.install()
    Stacks(rules, mappings).install()

    def resume() -> None:
        guards.settle_all()
        event_source_mappings.settle_all()

    application = beside(forge, emulator.app.app)
    return FaultInjection(application, rules, identity.caller_of, forge.door, sources), pool, resume


async def _serve(
    application: "Application", listener: socket.socket, started: Callable[[], None], *, lifeline: bool
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
        await application(scope, receive, _announcing(started, send) if scope["type"] == "lifespan" else send)

    await serve(announced, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def _announcing(started: Callable[[], None], send: "Send") -> "Send":
    async def announce(message: "Message") -> None:
        await send(message)
        if message["type"] == "lifespan.startup.complete":
            started()
            # Whoever started the server reads one line; later output must not fill or break its pipe.
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    return announce


if __name__ == "__main__":
    main()
