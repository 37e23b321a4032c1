"""What `actions/setup` promises to every job: which bytes it installs, and what it leaves on PATH."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.workflows.expressions import evaluate
from tests.workflows.promises.seen import same

OF_SETUP: list[Callable[[str], None]] = []  # each reads the text of action.yml
TOOLS = ("jactionlint", "kingfisher", "shellcheck", "zizmor")
# What the environment of the tool brings beside them: the job's own scripts do not mean these.
_OTHERS = ("pip", "pytest", "python3")
_SOURCE, _TEMP = "/a b/source", "/temp"
# `python3 -m venv` with stand-ins in it; a call of its python is noted: how many words, and each of them.
_PYTHON = """\
#!/bin/sh
made="$3/bin"
mkdir -p "$made"
for tool in {tools}; do printf '#!/bin/sh\\n' >"$made/$tool"; chmod +x "$made/$tool"; done
cat >"$made/python" <<'EOS'
#!/bin/sh
printf '%s\\0' "$#" "$@" >>"$CALLS"
case "$*" in *"$REFUSED"*) exit 9;; esac
EOS
chmod +x "$made/python"
"""


def of_setup(promise: Callable[[str], None]) -> Callable[[str], None]:
    OF_SETUP.append(promise)
    return promise


@dataclass(frozen=True)
class Installed:
    """`/a b/source` and `/temp` stand for the folders of the action and of temporary files."""

    code: int
    calls: list[tuple[str, ...]]
    on_path: list[str]
    commands: frozenset[str]


def installed(
    text: str, lock: str, *, refused: str = "no such call", then: tuple[str, ...] = ()
) -> Installed:
    """Its script, run as GitHub runs it; a call with `refused` in it fails.

    `then`: what `release`, as it was installed, is called with afterwards.
    """
    step = _script_of(text)
    same(step["shell"], "bash")
    with TemporaryDirectory() as made:
        top = Path(made)
        source, temp, tools = top / "a b" / "source", top / "temp", top / "tools"
        for folder in (source / "actions" / "setup", temp, tools):
            folder.mkdir(parents=True)
        python = tools / "python3"
        python.write_text(_PYTHON.format(tools=" ".join((*TOOLS, *_OTHERS))), encoding="utf-8")
        python.chmod(0o755)
        given = {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(top / "calls"),
            "REFUSED": refused,
            "RUNNER_TEMP": str(temp),
            "GITHUB_PATH": str(top / "path"),
            "SOURCE": f"{source}/actions/setup/../..",
            "LOCK": lock,
        }
        (top / "script.sh").write_text(step["run"], encoding="utf-8")
        code = _run(["bash", "--noprofile", "--norc", "-eo", "pipefail", str(top / "script.sh")], given)
        commands = frozenset(one.name for one in (temp / "release-bin").glob("*"))
        if then:
            code = _run([str(temp / "release-bin" / "release"), *then], given)
        calls = _read(top / "calls").replace(str(source.resolve()), _SOURCE).replace(str(temp), _TEMP)
        added = _read(top / "path").replace(str(temp), _TEMP).splitlines()
        return Installed(code, _calls(calls), added, commands)


def _script_of(text: str) -> dict[str, Any]:
    (step,) = [one for one in yaml.safe_load(text)["runs"]["steps"] if "run" in one]
    return dict(step)


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30)
    return done.returncode


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _calls(noted: str) -> list[tuple[str, ...]]:
    words, calls = noted.split("\0")[:-1], []
    while words:
        count = int(words[0])
        calls.append(tuple(words[1 : count + 1]))
        words = words[count + 1 :]
    return calls


@of_setup
def only_locked_packages_are_installed_and_none_of_them_runs_code(text: str) -> None:
    for lock in ("runtime", "ci"):
        got = installed(text, lock)
        wanted = [
            ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary=:all:", "--require-hashes", "--requirement",
             f"{_SOURCE}/requirements/{lock}.txt"),
            ("-", _SOURCE),
            ("-m", "release", "--version"),
        ]  # fmt: skip
        same((got.code, got.calls), (0, wanted))


@of_setup
def the_source_is_read_where_it_is_and_nothing_beside_it(text: str) -> None:
    """The second call of that python: the folders that it adds to those where packages are looked for."""
    (code,) = re.findall(r"<<'PYTHON'\n(.*?)\nPYTHON\n", _script_of(text)["run"], re.DOTALL)
    with TemporaryDirectory() as made:
        here = f"import sysconfig; sysconfig.get_path = lambda kind: {made!r} + '/' + kind\n"
        (Path(made) / "purelib").mkdir()
        subprocess.run([sys.executable, "-c", here + code, _SOURCE], check=True, timeout=30)
        found = {path.name: path.read_text() for path in Path(made).rglob("*") if path.is_file()}
    same(found, {"release.pth": f"{_SOURCE}\n"})


@of_setup
def an_installation_that_fails_is_red_and_leaves_nothing_on_path(text: str) -> None:
    got = installed(text, "ci", refused="pip install")
    same((got.code, got.on_path), (9, []))
    same(installed(text, "ci", refused="--version").code, 9)


@of_setup
def the_tool_and_the_linters_are_on_path_and_nothing_beside_them(text: str) -> None:
    got = installed(text, "ci")
    same(got.on_path, [f"{_TEMP}/release-bin"])
    same(got.commands, {"release", *TOOLS})


@of_setup
def words_reach_the_tool_whole(text: str) -> None:
    words = ("two words", "$(touch hacked)", "*", "", "--", "a\nb")
    got = installed(text, "runtime", refused="two words", then=words)
    same((got.code, got.calls[-1]), (9, ("-m", "release", *words)))


@of_setup
def the_tool_is_the_one_of_the_commit_that_the_action_is_used_at(text: str) -> None:
    """Not of the work tree: there is what a pull request brings, or the code of another repository."""
    step = _script_of(text)
    lock = step["env"]["LOCK"]
    same(step["env"], {"SOURCE": "${{ github.action_path }}/../..", "LOCK": lock})
    locks = {asked: evaluate(lock[3:-2], {"inputs.tools": asked}) for asked in ("true", "false", "")}
    same(locks, {"true": "ci", "false": "runtime", "": "runtime"})
    assert "${{" not in step["run"]


@of_setup
def it_asks_for_nothing_and_runs_the_python_that_is_locked(text: str) -> None:
    action = yaml.safe_load(text)
    same({name: one["default"] for name, one in action["inputs"].items()}, {"tools": "false"})
    python, script = action["runs"]["steps"]
    same(action["runs"]["using"], "composite")
    same(python["with"], {"python-version": "3.13"})
    same(set(script), {"name", "shell", "env", "run"})
    same(set(python), {"name", "uses", "with"})


@of_setup
def its_actions_are_githubs_own_pinned_by_commit(text: str) -> None:
    used = re.findall(r"uses: (.*)", text)
    assert used and all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used)
