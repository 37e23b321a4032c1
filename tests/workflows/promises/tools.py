"""Runs the scripts of workflow steps as GitHub does, beside stand-ins that note what they are called with."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

TOOLS = ("release", "zizmor", "jactionlint", "kingfisher", "python3", ".ci/run", ".venv/bin/python")
# A file for each call: how many arguments, and each of them, with a NUL behind.
_STAND_IN = """\
#!/bin/sh
printf '%s\\0' "$#" "${0##*/}" "$@" >>"$CALLS"
case "$*" in *--out=plan.json*) echo planned >plan.json;; esac
case "$*" in *--json*) echo '{}';; esac
exit "${ENDS:-0}"
"""
# All else that scripts need; what is neither is noted as a call, and is not there.
_REAL = ("bash", "cat", "rm")
_UNKNOWN = """() { printf '%s\\0' "$(($# - 1))" "$@" >>"$CALLS"; return 127; }"""


@dataclass(frozen=True)
class Ran:
    """What a script did: the calls of tools, how it ended, what it told GitHub and which files it left.

    The folder of temporary files is `/temp` in the calls.
    """

    calls: Sequence[tuple[str, ...]]
    code: int
    said: str
    summary: str
    files: frozenset[str]


def run_script(
    script: str, environment: Mapping[str, str], *, ends: int = 0, files: Mapping[str, str] | None = None
) -> Ran:
    """`bash` as GitHub starts it where `shell: bash` is the default; `ends`: exit code of every tool.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
    """
    given = (files or {}).items()
    return _run(script, tuple(environment.items()), ends, tuple(given))


# A script that has not changed does again what it has done: most slips are in one of many.
@cache
def _run(
    script: str, environment: tuple[tuple[str, str], ...], ends: int, files: tuple[tuple[str, str], ...]
) -> Ran:
    with TemporaryDirectory() as made:
        top = Path(made)
        work, tools, temp = top / "work", top / "tools", top / "temp"
        for folder in (work, tools, temp):
            folder.mkdir()
        for name in TOOLS:
            tool = work / name if name.startswith(".") else tools / name
            tool.parent.mkdir(parents=True, exist_ok=True)
            tool.write_text(_STAND_IN, encoding="utf-8")
            tool.chmod(0o755)
        for name in _REAL:
            (tools / name).symlink_to(str(shutil.which(name)))
        for name, text in files:
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_text(text, encoding="utf-8")
        (top / "script.sh").write_text(script, encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(top / "script.sh")],
            cwd=work,
            env={
                "PATH": str(tools),
                "BASH_FUNC_command_not_found_handle%%": _UNKNOWN,
                "CALLS": str(top / "calls"),
                "ENDS": str(ends),
                "GITHUB_STEP_SUMMARY": str(top / "summary"),
                "GITHUB_SHA": "c0ffee",
                "RUNNER_TEMP": str(temp),
                **dict(environment),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        calls, summary = top / "calls", top / "summary"
        return Ran(
            _calls(calls.read_text().replace(str(temp), "/temp") if calls.exists() else ""),
            done.returncode,
            done.stdout + done.stderr,
            summary.read_text(encoding="utf-8") if summary.exists() else "",
            frozenset(str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()),
        )


def _calls(noted: str) -> Sequence[tuple[str, ...]]:
    parts = noted.split("\0")[:-1]
    calls: list[tuple[str, ...]] = []
    while parts:
        count = int(parts[0])
        calls.append(tuple(parts[1 : count + 2]))
        parts = parts[count + 2 :]
    return tuple(calls)
