"""One way to run git: as plumbing, with the same answers whatever the user's configuration says.

What only looks at objects of the clone is started without GitPython: importing that takes longer than most
questions. docs/decisions/0021 has the numbers.
"""

import os
import signal
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

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
# As GitPython has it: what git says is read by us, not by a person.
_LANGUAGE = {"LANGUAGE": "C", "LC_ALL": "C"}
_LOOKING = frozenset({"cat-file", "diff-tree", "ls-tree", "rev-parse"})  # they write nothing


class Answer(NamedTuple):
    status: int  # negative: ended by that signal
    out: bytes
    err: str


class Commands:
    """Runs git in one repository. `git_dir` None: let git find it from `folder`."""

    def __init__(self, folder: Path, git_dir: Path | None = None) -> None:
        self._folder = folder
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
        if arguments[0] in _LOOKING and timeout is None:
            return self._look(command, stdin, env)
        return self.run(command, stdin=stdin, env=env, timeout=timeout)

    def out(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Standard output of a command that must succeed. Raises Misconfigured or Unavailable."""
        answer = self.answer(*arguments, stdin=stdin, env=env)
        if answer.status:
            from release.adapters.git.failures import failure

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
        import tempfile

        wrapper = self._wrapper
        from git.exc import GitCommandNotFound

        with tempfile.TemporaryFile() as sent:
            sent.write(stdin)
            sent.seek(0)
            try:
                # As a process, because GitPython's own time-out outlives an interrupt by its whole length.
                process = wrapper.execute(
                    command,
                    istream=cast(BinaryIO, sent) if stdin else None,
                    as_process=True,
                    env={**_ENVIRONMENT, **(env or {})},
                )
            except GitCommandNotFound as missing:
                raise _not_there(command[0]) from missing
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.terminate()
                return Answer(-signal.SIGTERM, b"", f"timed out after {timeout} seconds")
        return Answer(process.returncode, out, err.decode("utf-8", "replace"))

    def _look(self, command: list[str], stdin: bytes, env: Mapping[str, str] | None) -> Answer:
        try:
            process = subprocess.Popen(
                command,
                cwd=self._folder if os.access(self._folder, os.X_OK) else None,
                env={**os.environ, **_LANGUAGE, **_ENVIRONMENT, **(env or {})},
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError as missing:
            raise _not_there(command[0]) from missing
        with process:
            try:
                out, err = process.communicate(stdin or None)
            except BaseException:
                process.terminate()
                raise
        return Answer(process.returncode, out, err.decode("utf-8", "replace"))

    @cached_property
    def _wrapper(self) -> "Git":
        try:
            from git.cmd import Git
        except ImportError as missing:  # GitPython looks for git when it is imported
            raise _not_there("git") from missing
        return Git(str(self._folder))


def _not_there(program: str) -> Misconfigured:
    return Misconfigured(f"{program} cannot be started", fix=f"install {program}, or put it on PATH")
