"""One call of one function with an event: in the sandbox, or in a process of its own under a debugger."""

import importlib.util
import json
import socket
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from release.core.fingerprint import service_folder
from release.core.local import LocalFleet, LocalFunction, LocalService
from release.core.snapshot import Invocation
from release.errors import Misconfigured
from release.sandbox.execution import execution_environment
from release.sandbox.worker import Program, Worker
from release.sandbox.workers import runtime_folder

EVENTS: Final = "events"
_DEFAULT: Final = "default.json"
_PATIENCE_SECONDS: Final = 24 * 60 * 60.0  # for somebody who looks at variables


def chosen_function(fleet: LocalFleet, name: str, key: str | None) -> tuple[LocalService, LocalFunction]:
    """By the name of a service, and of one of its functions where it has several. Raises Misconfigured."""
    service = fleet.service(name)
    if service is None:
        why = fleet.skipped.get(name)
        raise Misconfigured(
            f"{name} does not run here: {why}" if why else f"there is no service {name} here",
            fix=f"name one of: {', '.join(one.name for one in fleet.services)}; "
            "`release local up` brings up what is new",
        )
    keys = [one.key for one in service.functions]
    if key is None and len(keys) > 1:
        key = "api" if "api" in keys else None
    function = service.functions[0] if key is None and len(keys) == 1 else service.function(key or "")
    if function is None:
        said = f"there is no function {key} in {name}" if key else f"{name} has several functions"
        raise Misconfigured(said, fix=f"name one with --function: {', '.join(keys)}")
    return service, function


def read_event(top: Path, service: str, function: LocalFunction, asked: str | None, *, here: Path) -> Any:
    """The event of a file, of stdin (`-`), or the default one of the service. Raises Misconfigured.

    A file is looked for from `here`, in the service's folder and in its events/. The default is
    events/default.json, events/FUNCTION.json, or the only file there is.
    """
    if asked == "-":
        return _parsed(sys.stdin.read(), "stdin")
    folder = top / service_folder(service)
    path = _default(folder / EVENTS, function, service) if asked is None else _found(asked, folder, here)
    try:
        return _parsed(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}", fix="name a file with JSON") from error


def _parsed(text: str, origin: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Misconfigured(
            f"the event of {origin} is no JSON: {error}",
            fix="correct it, or have one made: release local event apigateway",
        ) from error


def _found(asked: str, folder: Path, here: Path) -> Path:
    for path in (here / asked, folder / asked, folder / EVENTS / asked):
        if path.is_file():
            return path
    raise Misconfigured(
        f"there is no event {asked}", fix=f"name one of: {_listed(folder / EVENTS)}", see=str(folder / EVENTS)
    )


def _default(folder: Path, function: LocalFunction, service: str) -> Path:
    files = sorted(folder.glob("*.json"))
    named = [path for name in (_DEFAULT, f"{function.key}.json") if (path := folder / name) in files]
    if named or len(files) == 1:
        return (named or files)[0]
    raise Misconfigured(
        f"{service} has {'several events' if files else 'no event'}",
        fix=f"say which with --event: {_listed(folder)}"
        if files
        else f"make one: release local event apigateway > services/{service}/{EVENTS}/{_DEFAULT}",
        see=str(folder),
    )


def _listed(folder: Path) -> str:
    return ", ".join(path.name for path in sorted(folder.glob("*.json"))) or "none is there yet"


def free_port(port: int) -> int:
    """The port, where it is free; 0 is any. Raises Misconfigured."""
    try:
        with socket.create_server(("127.0.0.1", port)) as listener:
            found: int = listener.getsockname()[1]
            return found
    except (OSError, OverflowError) as error:
        raise Misconfigured(
            f"port {port} cannot be bound: {getattr(error, 'strerror', None) or error}",
            fix="give another --debug-port; 0 takes any free one",
        ) from error


def require_debugger() -> Path:
    """The folder of debugpy. Raises Misconfigured without it."""
    found = importlib.util.find_spec("debugpy")
    if found is None or found.origin is None:
        raise Misconfigured(
            "debugpy is not installed beside release", fix=f"{sys.executable} -m pip install debugpy"
        )
    return Path(found.origin).parent


def invoke_under_debugger(
    config: Mapping[str, Any],
    payload: bytes,
    folders: Sequence[Path],
    *,
    fleet: LocalFleet,
    endpoint: str,
    port: int,
) -> tuple[Invocation, str]:
    """One call in a process of its own, which waits on the port for a debugger and then for as long as it
    takes. What it answered, and what it printed. `config` as Lambda shows it.
    """
    debugpy = require_debugger()
    with tempfile.TemporaryDirectory(prefix="release-debug-", ignore_cleanup_errors=True) as name:
        scratch = Path(name).resolve()
        runtime = runtime_folder(scratch / "runtime")
        (runtime / debugpy.name).symlink_to(debugpy)
        environment = execution_environment(
            config, account=fleet.account, region=fleet.region, endpoint=endpoint
        ) | {
            "HOME": str(scratch),
            "PYTHONPYCACHEPREFIX": str(scratch / "bytecode"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "RELEASE_SANDBOX_DEBUG_PORT": str(port),
        }
        program = Program(
            version_arn=config["FunctionArn"],
            handler=config["Handler"],
            timeout_seconds=_PATIENCE_SECONDS,
            environment=tuple(sorted(environment.items())),
            digest="",
            code=b"",
        )
        worker = Worker(program, folders[0], [*folders, runtime], pure_python=True)
        try:
            outcome = worker.invoke(
                str(uuid.uuid4()), payload, config["FunctionArn"], init_seconds=_PATIENCE_SECONDS
            )
        finally:
            worker.stop()
            worker.await_end()
    failed = "Unhandled" if outcome.failed else None
    return Invocation(200, failed, config.get("Version"), outcome.payload), outcome.log
