"""One way to run git: as plumbing, with the same answers whatever the user's configuration says."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from release.adapters.git.failures import failure
from release.errors import Misconfigured

if TYPE_CHECKING:
    from git.cmd import Git

# Each of these would change what we read, send or leave behind; a person sets them for their own commands.
_SETTINGS = {
    "advice.graftFileDeprecated": "false",
    "color.ui": "false",
    "core.fsmonitor": "false",  # or a temporary index starts a daemon
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "core.sparseCheckout": "false",
    "core.splitIndex": "false",  # or a temporary index leaves a shared one in the repository
    "fetch.prune": "false",
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",  # or a process of ours outlives us
    "http.lowSpeedLimit": "1",  # bytes a second: a silent remote becomes an error, a slow one stays one
    "http.lowSpeedTime": "120",  # seconds
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "index.sparse": "false",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "protocol.version": "2",  # a server of version 0 gives no object by its id
    "push.followTags": "false",
    "push.negotiate": "false",
    "push.pushOption": "",  # empties the list
}
_ENVIRONMENT = {
    "GIT_EDITOR": ":",
    "GIT_GRAFT_FILE": os.devnull,  # grafts and replacements show another history than the remote's
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int  # negative: ended by that signal
    out: bytes
    err: str


class Commands:
    """Runs git in one repository. `git_dir` None: let git find it from `folder`."""

    def __init__(self, folder: Path, git_dir: Path | None = None) -> None:
        self._git = _wrapper(folder)
        self._at = [f"--git-dir={git_dir}"] if git_dir else []

    def answer(
        self,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        timeout: int | None = None,
    ) -> Answer:
        """Run `git ARGUMENTS`, whatever status it ends with. `timeout`: seconds, for what only reads."""
        chosen = {**_SETTINGS, **(settings or {})}
        given = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        command = ["git", *self._at, "--literal-pathspecs", *given, *arguments]
        return self.run(command, stdin=stdin, env=env, timeout=timeout)

    def out(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Standard output of a command that must succeed. Raises Misconfigured or Unavailable."""
        answer = self.answer(*arguments, stdin=stdin, env=env)
        if answer.status:
            raise failure(f"git {arguments[0]} failed", answer.err)
        return answer.out

    def run(
        self,
        command: list[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: int | None = None,
    ) -> Answer:
        """Run any program the way git is run here; signing needs gpg and ssh-keygen."""
        from git.exc import GitCommandNotFound

        with tempfile.TemporaryFile() as sent:
            sent.write(stdin)
            sent.seek(0)
            try:
                # As a process, because GitPython's own time-out outlives an interrupt by its whole length.
                process = self._git.execute(
                    command,
                    istream=cast(BinaryIO, sent) if stdin else None,
                    as_process=True,
                    env={**_ENVIRONMENT, **(env or {})},
                )
            except GitCommandNotFound as missing:
                raise Misconfigured(
                    f"{command[0]} cannot be started", fix=f"install {command[0]}, or put it on PATH"
                ) from missing
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.terminate()
                return Answer(-signal.SIGTERM, b"", f"timed out after {timeout} seconds")
        return Answer(process.returncode, out, err.decode("utf-8", "replace"))


def _wrapper(folder: Path) -> "Git":
    try:
        from git.cmd import Git
    except ImportError as missing:  # GitPython looks for git when it is imported
        raise Misconfigured("git cannot be started", fix="install git, or put it on PATH") from missing
    return Git(str(folder))
