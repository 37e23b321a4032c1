"""The process of the sandbox's server: started, heard, ended."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, cast

from release.errors import Conflict, Misconfigured, ReleaseError, Unavailable
from release.sandbox.options import Options

LOG = "sandbox.log"  # in the root
_START_SECONDS = 30.0
STOP_SECONDS = 5.0
_REFUSALS: dict[str, type[ReleaseError]] = {"Misconfigured": Misconfigured, "Conflict": Conflict}


def start(folder: Path, options: Options, *, temporary: bool) -> tuple["subprocess.Popen[bytes]", str]:
    """Start the server of a folder; returns it with its endpoint, when it answers.

    `temporary`: it removes the folder at its end. Raises Misconfigured, Conflict, Unavailable: it refused, or
    did not start.
    """
    command = [sys.executable, "-m", "release.sandbox.aws", "--lifeline", "--root", str(folder)]
    command += ["--temporary"] if temporary else []
    # Added to, since another sandbox may write it: this one is refused then.
    with (folder / LOG).open("ab") as log:
        before = log.tell()
        # A session of its own: Ctrl-C reaches us, and we decide when it ends.
        process = subprocess.Popen(
            [*command, *options.flags()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
            start_new_session=True,
        )
    line = _first_line(cast(IO[bytes], process.stdout))
    if not line.startswith("ready "):
        said = (folder / LOG).read_bytes()[before:].decode(errors="replace")
        end(process)
        raise _not_started(line, said.strip().splitlines())
    return process, line.removeprefix("ready ")


def _environment() -> dict[str, str]:
    """This process's environment, in which the server finds this very `release`, wherever it is started."""
    inherited = os.environ.get("PYTHONPATH")
    source = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, inherited)))}
    # Without compiled files every start takes three times as long.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _not_started(line: str, said: list[str]) -> ReleaseError:
    """The server's own refusal, or what it last wrote to its log."""
    if line.startswith("refused "):
        refusal = json.loads(line.removeprefix("refused "))
        kind = _REFUSALS.get(refusal["kind"], Unavailable)
        return kind(refusal["cause"], fix=refusal["fix"], see=refusal["see"])
    reason = said[-1] if said else "it said nothing"
    return Unavailable(
        f"the sandbox did not start: {reason}",
        fix="pip install 'lambda-release[sandbox]' puts the versions in place that it is made for",
        details=said[-20:],
    )


def prepared(root: Path) -> Path:
    """A root that the server can work in. A new one is its user's alone: handlers' secrets will be in it.

    Raises Misconfigured.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / LOG).open("ab").close()
        return root.resolve()
    except OSError as error:
        raise Misconfigured(
            f"{root} cannot be written: {error.strerror}", fix="give the sandbox another folder"
        ) from error


def last_lines(root: Path) -> list[str]:
    """Of its log; none where it cannot be read."""
    try:
        return (root / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    except OSError:
        return []


def _first_line(stdout: IO[bytes]) -> str:
    ready, _, _ = select.select([stdout], [], [], _START_SECONDS)
    return stdout.readline().decode().strip() if ready else ""


def end(process: subprocess.Popen[bytes], seconds: float = STOP_SECONDS) -> None:
    """Ask it to end, and kill it with all that it has started when it has not after so many seconds."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
