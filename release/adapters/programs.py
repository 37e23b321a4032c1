"""Runs programs of a commit in a clean checkout: no shell, an allow-list of variables, no orphans."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from release.adapters.aws import Aws
from release.core.reasons import shown
from release.errors import Misconfigured
from release.ports import Ended, Program, Repo

_LOOK_SECONDS: Final = 15.0  # as a rollout does while anything takes long
_WAIT_SECONDS: Final = 0.25
_TAIL: Final = 30  # lines
_LONGEST_LINE: Final = 8192  # bytes; a program may write without ever ending a line
_BLOBS: Final = 500  # that are held in memory at once
_KEPT: Final = frozenset(
    {
        *("PATH", "CI", "LANG", "LC_ALL", "TZ"),
        *("SSL_CERT_DIR", "SSL_CERT_FILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"),
    }
)
_SECRET: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")  # no line of output may hold these
_PROXIES: Final = frozenset({"all_proxy", "http_proxy", "https_proxy", "no_proxy"})
# Whoever is killed cannot clean up. So a program begins as a shell, which leaves a guard beside it in its
# process group and then becomes the program: the guard ends the group when our end of its pipe is closed.
# The words of the command are arguments of that shell, never text that it reads.
_GUARDED: Final = 'exec 3<&0; { read -r _ <&3; kill -s KILL 0; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'


@dataclass(frozen=True, slots=True)
class CheckoutPrograms:
    """`environ` is ours; of it a program gets what is on the list above."""

    repo: Repo
    aws: Aws
    environ: Mapping[str, str]
    look_seconds: float = _LOOK_SECONDS

    def run(self, program: Program, *, hear: Callable[[str], None], look: Callable[[], None]) -> Ended:
        credentials = self.aws.environment(program.place)
        with tempfile.TemporaryDirectory(prefix="release-run-", ignore_cleanup_errors=True) as name:
            root = Path(name).resolve()
            top, home, temporary = root / "checkout", root / "home", root / "tmp"
            for folder in (top, home, temporary):
                folder.mkdir()
            self._check_out(program, top)
            environment = {
                **_kept(self.environ),
                "HOME": str(home),
                "TMPDIR": str(temporary),
                **credentials,
                **program.environment,
            }
            for number, (variable, content) in enumerate(program.files.items()):
                path = root / f"file-{number}.json"
                path.write_bytes(content)
                environment[variable] = str(path)
            return self._run(program, top / program.folder, environment, hear, look)

    def _check_out(self, program: Program, top: Path) -> None:
        """Files, links and their modes; a submodule stays away."""
        self.repo.ensure([program.commit])
        entries = [one for one in self.repo.tree(program.commit, *program.under) if one.mode != "160000"]
        for start in range(0, len(entries), _BLOBS):
            some = entries[start : start + _BLOBS]
            blobs = self.repo.blobs({entry.blob for entry in some})
            for entry in some:
                path, data = top / entry.path, blobs[entry.blob]
                path.parent.mkdir(parents=True, exist_ok=True)
                if entry.mode == "120000":
                    path.symlink_to(os.fsdecode(data))
                else:
                    path.write_bytes(data)
                    path.chmod(0o755 if entry.mode == "100755" else 0o644)

    def _run(
        self,
        program: Program,
        folder: Path,
        environment: Mapping[str, str],
        hear: Callable[[str], None],
        look: Callable[[], None],
    ) -> Ended:
        _refuse_missing(program.command[0], folder, environment)
        process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, "guard", *program.command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        tail: deque[str] = deque(maxlen=_TAIL)
        secrets = [environment[name] for name in _SECRET if name in environment]
        arguments = (process.stdout, secrets, tail, hear)
        listening = threading.Thread(target=_listen, args=arguments, daemon=True)
        listening.start()
        try:
            code = self._wait(process, program.seconds, look)
        finally:
            # What it left behind, too, and the guard.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            listening.join(timeout=5)
            if process.stdin is not None:
                process.stdin.close()
        return Ended(code, tuple(tail))

    def _wait(
        self, process: "subprocess.Popen[bytes]", seconds: float, look: Callable[[], None]
    ) -> int | None:
        """Exit code. None: it has not ended in time."""
        now = time.monotonic()
        end, next_look = now + seconds, now + self.look_seconds
        while now < end:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(min(_WAIT_SECONDS, end - now))
            now = time.monotonic()
            if now >= next_look:
                look()
                next_look = time.monotonic() + self.look_seconds
        return process.poll()


def _kept(environ: Mapping[str, str]) -> dict[str, str]:
    """A proxy that needs a password would hand it to a program that prints what it was given."""
    return {
        name: value
        for name, value in environ.items()
        if name in _KEPT or (name.lower() in _PROXIES and "@" not in value)
    }


def _listen(
    stream: IO[bytes] | None, secrets: Sequence[str], tail: "deque[str]", hear: Callable[[str], None]
) -> None:
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError), stream:
        while raw := stream.readline(_LONGEST_LINE):
            text = raw.decode(errors="replace")
            for secret in secrets:
                text = text.replace(secret, "[credentials]")
            line = shown(text)
            if line.strip():
                tail.append(line)
                hear(line)


def _refuse_missing(name: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Raises Misconfigured for a program that cannot be started: a shell would only exit with 126 or 127."""
    where = (
        str(folder / name) if "/" in name else shutil.which(name, path=environment.get("PATH", os.defpath))
    )
    if where is not None and os.access(where, os.X_OK) and not Path(where).is_dir():
        return
    there = where is not None and Path(where).exists()
    raise Misconfigured(
        f"{name} cannot be started: {'it is not executable' if there else 'there is no such program'}",
        fix="install it where release runs, or name a file of the repository that is executable",
    )
