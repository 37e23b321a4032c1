"""dev.py finds a Python or says how to get one, makes .venv once, and gets out of the way."""

import ast
import base64
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).resolve().parent.parent
DEBIAN_12 = {"ID": "debian", "VERSION_ID": "12"}
BASE_PYTHON = getattr(sys, "_base_executable", sys.executable)  # not that of the environment we run in
PY313 = dev.Python("/opt/py/bin/python3.13", (3, 13, 1), True, False)
PY311 = dev.Python("/usr/bin/python3.11", (3, 11, 2), True, False)


def facts(
    *pythons: dev.Python,
    uv: str | None = None,
    virtualenv: str | None = None,
    system: str = "Linux",
    os_release: Mapping[str, str] = DEBIAN_12,
    needs_sudo: bool = True,
) -> dev.Facts:
    return dev.Facts(list(pythons), uv, virtualenv, system, dict(os_release), needs_sudo)


# -- what it decides ----------------------------------------------------------------------------------


def test_uv_comes_first_and_takes_the_newest_python() -> None:
    recipe = dev.decide(facts(PY313, PY311, uv="/bin/uv", virtualenv="/bin/virtualenv"))

    assert recipe.create == ["/bin/uv", "venv", "--python", PY313.path, ".venv"]
    assert recipe.install[-3:] == ["--require-hashes", "-r", "requirements/dev.txt"]
    assert recipe.install_project[-4:] == ["--no-deps", "--no-build-isolation", "-e", "."]


def test_uv_brings_its_own_python_where_none_fits() -> None:
    assert dev.decide(facts(uv="/bin/uv")).create == ["/bin/uv", "venv", "--python", ">=3.11,<3.15", ".venv"]


def test_without_uv_the_first_python_whose_venv_works_is_taken() -> None:
    bare = PY313._replace(has_venv=False)

    recipe = dev.decide(facts(bare, PY311, virtualenv="/bin/virtualenv"))

    assert recipe.create == [PY311.path, "-m", "venv", ".venv"]
    assert "--require-hashes" in recipe.install


def test_without_ensurepip_virtualenv_is_taken_as_command_or_as_module() -> None:
    bare = PY313._replace(has_venv=False)

    command = dev.decide(facts(bare, virtualenv="/bin/virtualenv"))
    module = dev.decide(facts(bare._replace(has_virtualenv=True)))

    assert command.create == ["/bin/virtualenv", "--python", PY313.path, ".venv"]
    assert module.create == [PY313.path, "-m", "virtualenv", ".venv"]


@pytest.mark.parametrize(
    ("here", "line"),
    [
        (facts(), "sudo apt-get install -y python3.11 python3.11-venv"),
        (facts(needs_sudo=False), "apt-get install -y python3.11 python3.11-venv"),
        (
            facts(os_release={"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "24.04"}),
            "sudo apt-get install -y python3.12 python3.12-venv",
        ),
        (facts(os_release={"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "VERSION_ID": "21"}), None),
        (
            facts(os_release={"ID": "ubuntu", "VERSION_ID": "20.04"}),
            "sudo apt-get install -y python3-pip && python3 -m pip install --user uv",
        ),
        (facts(os_release={"ID": "fedora", "VERSION_ID": "42"}), "sudo dnf install -y python3.13"),
        (facts(os_release={"ID": "rocky", "ID_LIKE": "rhel fedora"}), "sudo dnf install -y python3.12"),
        (facts(system="Darwin", os_release={}), "brew install python@3.13"),
        (
            facts(os_release={"ID": "plan9"}),
            "install Python 3.11 or newer, or uv, with your system's package manager",
        ),
    ],
)
def test_without_a_python_it_names_the_line_for_this_system(here: dev.Facts, line: str | None) -> None:
    assert dev.decide(here).fix == (line or "sudo apt-get install -y python3.11 python3.11-venv")


def test_a_python_without_any_way_to_an_environment_gets_its_venv_package() -> None:
    bare = PY311._replace(has_venv=False)

    assert dev.decide(facts(bare)).fix == "sudo apt-get install -y python3.11-venv"
    elsewhere = dev.decide(facts(bare._replace(path="/opt/python3"))).fix
    assert elsewhere == "/opt/python3 -m pip install --user virtualenv"


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({}, "nothing"),
        ({"project": "other"}, "project"),
        ({"lock": "other"}, "all"),
        ({"python": "3.12"}, "all"),
        ({"root": "/moved"}, "all"),
    ],
)
def test_only_what_changed_is_made_again(changed: Mapping[str, str], again: str) -> None:
    wanted = {"root": "/r", "lock": "l", "project": "p", "python": "3.13"}

    assert dev.stale({**wanted, **changed}, wanted) == again


def test_an_environment_without_a_stamp_is_unfinished() -> None:
    assert dev.stale(None, {"root": "/r", "lock": "l", "project": "p", "python": "3.13"}) == "all"


def test_tools_get_certificates_and_nothing_of_another_environment() -> None:
    polluted = {"PYTHONHOME": "/x", "PYTHONPATH": "/x", "VIRTUAL_ENV": "/x", "PIP_USER": "1", "HOME": ""}
    polluted["PYTHONDONTWRITEBYTECODE"] = "1"
    passed_on = {"PIP_CERT": "/c", "SSL_CERT_FILE": "/c", "HTTPS_PROXY": "p"}

    assert dev.child_environment({**polluted, **passed_on, "PATH": "/bin"}, "/r") == {
        **passed_on,
        "VIRTUAL_ENV": "/r/.venv",
        "PATH": "/r/.venv/bin:/bin",
    }


def test_a_path_to_a_test_is_taken_from_the_callers_folder(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").touch()

    assert dev.from_here("test_a.py::test_b", str(tmp_path)) == str(tmp_path / "test_a.py::test_b")
    assert dev.from_here("not_there", str(tmp_path)) == "not_there"
    assert dev.from_here("-k", str(tmp_path)) == "-k"


# -- what it does, with a lock of one package ----------------------------------------------------------

# The package stands in for pytest, so that what dev.py runs can be seen; no index is needed for it.
STAND_IN = """
import os, sys
print("pytest ran in", os.getcwd(), "with", sys.argv[1:], "by", sys.executable)
sys.exit(int(os.environ.get("STAND_IN_EXIT", "0")))
"""
BACKEND = """
import base64, hashlib, os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tiny_project-1.0-py3-none-any.whl"
    info = "tiny_project-1.0.dist-info/"
    files = {
        "tiny_project.pth": os.getcwd() + "\\n",
        info + "METADATA": "Metadata-Version: 2.1\\nName: tiny-project\\nVersion: 1.0\\n",
        info + "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        record = info + "RECORD,,\\n"
        for path, text in files.items():
            wheel.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += "%s,sha256=%s,%d\\n" % (path, digest, len(text))
        wheel.writestr(info + "RECORD", record)
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny-project"
version = "1.0"
"""


def write_wheel(path: Path, module: str, files: Mapping[str, str]) -> str:
    """A wheel made by hand; returns the sha256 of its bytes in hex."""
    info = f"{module}-1.0.dist-info/"
    texts = {
        **files,
        info + "METADATA": f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n",
        info + "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = info + "RECORD,,\n"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in texts.items():
            wheel.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        wheel.writestr(info + "RECORD", record)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the real dev.py, a project of its own and a lock of one package."""
    root = tmp_path / "a check out"
    (root / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "dev.py", root)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(BACKEND)
    (root / "release" / "sandbox").mkdir(parents=True)
    (root / "release" / "sandbox" / "demo.py").write_text("import sys; print('demo with', sys.argv[1:])")
    wheel = root / "pytest-1.0-py3-none-any.whl"
    digest = write_wheel(wheel, "pytest", {"pytest.py": STAND_IN})
    (root / "requirements" / "dev.txt").write_text(f"pytest @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    return root


def tool(folder: Path, name: str, target: str | None) -> None:
    """An executable in the folder: a way to the target, or one that only fails, like a shim."""
    folder.mkdir(exist_ok=True)
    line = f'exec "{target}" "$@"' if target else "exit 127"
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)


def ask(
    root: Path, *arguments: str, path: Path, python: str = sys.executable, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(root / "dev.py"), *arguments],
        cwd=more.pop("folder", "/"),
        env={**os.environ, "PATH": str(path), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def venv_tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def old_pythons() -> Sequence[str]:
    """Pythons from 3.6 to 3.10 on this machine that really start, the oldest first."""
    pyenv = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pyenv" / "versions"
    found = []
    for minor in range(6, 11):
        on_path = [Path(folder) / f"python3.{minor}" for folder in os.environ["PATH"].split(os.pathsep)]
        candidates = [*on_path, *sorted(pyenv.glob(f"3.{minor}.*/bin/python3"))]
        starting = (str(each) for each in candidates if each.is_file() and starts(each))
        found += [python] if (python := next(starting, None)) else []
    return found


def starts(python: Path) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def test_with_uv_it_makes_the_environment_once_and_runs_the_tests(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    tool(path, "uv", venv_tool("uv"))
    tool(path, "python3.14", None)  # a shim of a Python that is not there

    first = ask(checkout, "test", "-k", "x", path=path, PYTHONPATH="/none", VIRTUAL_ENV="/none", HOME="")
    second = ask(checkout, "test", path=path)

    assert first.returncode == 0, first.stderr
    assert (
        f"pytest ran in {checkout} with ['-n', '{dev.cores() + 1}', '--dist', 'loadgroup', '-k', 'x']"
        in first.stdout
    )
    assert f"by {checkout}/.venv/bin/python" in first.stdout
    assert "--require-hashes -r requirements/dev.txt" in first.stderr
    assert second.returncode == 0
    assert second.stderr == ""


@pytest.mark.prove  # a real venv, with ensurepip
def test_with_venv_alone_it_makes_the_environment_and_passes_on_exit_codes(
    checkout: Path, tmp_path: Path
) -> None:
    result = ask(checkout, "prove", path=tmp_path / "no tools", STAND_IN_EXIT="5")

    assert result.returncode == 0, result.stderr
    assert "-m venv .venv" in result.stderr
    assert "'-m', 'prove'" in result.stdout
    assert result.stdout.endswith("no proof is collected: nothing to prove yet\n")
    assert ask(checkout, "test", path=tmp_path / "no tools", STAND_IN_EXIT="3").returncode == 3
    assert ask(checkout, "prove", path=tmp_path / "no tools", STAND_IN_EXIT="1").returncode == 1
    demo = ask(checkout, "demo", "--fast", path=tmp_path / "no tools")
    assert demo.stdout == "demo with ['--fast']\n"


def test_exit_codes_are_passed_on_and_nothing_to_prove_is_none(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    tool(path, "uv", venv_tool("uv"))

    for command, said, code in (("test", "3", 3), ("prove", "1", 1), ("prove", "5", 0)):
        assert ask(checkout, command, path=path, STAND_IN_EXIT=said).returncode == code


def test_a_changed_lock_file_a_half_made_environment_and_a_wrong_hash(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    tool(path, "uv", venv_tool("uv"))
    lock = checkout / "requirements" / "dev.txt"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").write_text("half a file")

    unfinished = ask(checkout, "demo", path=path)
    lock.write_text(lock.read_text() + "# changed\n")
    changed = ask(checkout, "demo", path=path)
    (checkout / "pyproject.toml").write_text(PROJECT + "# changed\n")
    project_only = ask(checkout, "demo", path=path)
    lock.write_text(lock.read_text().replace("sha256:", "sha256:00")[:-2] + "\n")
    wrong = ask(checkout, "demo", path=path)

    assert unfinished.returncode == 0, unfinished.stderr
    assert "is unfinished or not made by dev.py: making it again" in unfinished.stderr
    assert "no longer fits: making it again" in changed.stderr
    assert changed.returncode == 0
    assert "-e ." in project_only.stderr
    assert "making" not in project_only.stderr
    assert wrong.returncode == 2
    assert "fix: " in wrong.stderr
    assert not (checkout / ".venv" / "dev.py.json").exists()


@pytest.mark.prove
def test_an_environment_made_by_uv_survives_that_uv_goes_away(checkout: Path, tmp_path: Path) -> None:
    tool(tmp_path / "bin", "uv", venv_tool("uv"))
    assert ask(checkout, "demo", path=tmp_path / "bin").returncode == 0
    (checkout / "pyproject.toml").write_text(PROJECT + "# changed\n")

    result = ask(checkout, "demo", path=tmp_path / "no tools")

    assert result.returncode == 0, result.stderr
    assert "-m venv .venv" in result.stderr


def test_two_runs_at_once_make_one_environment(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    tool(path, "uv", venv_tool("uv"))
    command = [sys.executable, str(checkout / "dev.py"), "demo"]
    environment = {**os.environ, "PATH": str(path)}
    runs = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = [run.communicate(timeout=120) for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0, 0], outputs
    assert [out for out, _ in outputs] == ["demo with []\n"] * 4
    assert sum("making .venv by" in err for _, err in outputs) == 1


def test_an_environment_in_use_is_not_made_again_under_its_user(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    tool(path, "uv", venv_tool("uv"))
    folder = os.open(checkout, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_SH)  # what a run of the tests holds
    run = subprocess.Popen(
        [sys.executable, str(checkout / "dev.py"), "demo"],
        env={**os.environ, "PATH": str(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    assert "waiting for it" in run.stderr.readline()
    assert not (checkout / ".venv").exists()
    os.close(folder)
    output, _ = run.communicate(timeout=120)

    assert output == "demo with []\n"


def test_a_running_command_holds_the_environment_until_it_ends(checkout: Path, tmp_path: Path) -> None:
    tool(tmp_path / "bin", "uv", venv_tool("uv"))
    (checkout / "release" / "sandbox" / "demo.py").write_text("print('up', flush=True); input()")
    run = subprocess.Popen(
        [sys.executable, str(checkout / "dev.py"), "demo"],
        env={**os.environ, "PATH": str(tmp_path / "bin")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    folder = os.open(checkout, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    run.communicate("\n", timeout=60)

    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)


def test_tools_of_the_environment_that_is_made_again_are_not_used_for_it(
    checkout: Path, tmp_path: Path
) -> None:
    activated = checkout / ".venv" / "bin"
    activated.parent.mkdir()
    tool(activated, "uv", venv_tool("uv"))
    tool(tmp_path / "bin", "uv", venv_tool("uv"))

    result = ask(checkout, "demo", path=Path(f"{activated}{os.pathsep}{tmp_path}/bin"))

    assert result.returncode == 0, result.stderr
    assert f"by uv ({tmp_path}/bin/uv)" in result.stderr


def test_a_stop_asked_of_it_reaches_the_proofs(checkout: Path, tmp_path: Path) -> None:
    tool(tmp_path / "bin", "uv", venv_tool("uv"))
    wheel = checkout / "pytest-1.0-py3-none-any.whl"
    waiting = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    digest = write_wheel(wheel, "pytest", {"pytest.py": waiting})
    (checkout / "requirements" / "dev.txt").write_text(f"pytest @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    run = subprocess.Popen(
        [sys.executable, str(checkout / "dev.py"), "prove"],
        env={**os.environ, "PATH": str(tmp_path / "bin")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert run.stdout is not None
    child = int(run.stdout.readline())
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=30)

    assert run.returncode == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_killed_run_leaves_what_the_next_one_mends(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    slow = tmp_path / "slow-uv"
    slow.write_text(
        '#!/bin/sh\nif [ "$1" = venv ]; then mkdir .venv; echo $$ >.venv/pid; sleep 30; fi\nexit 0\n'
    )
    slow.chmod(0o755)
    tool(path, "uv", str(slow))
    tool(path, "mkdir", shutil.which("mkdir"))
    tool(path, "sleep", shutil.which("sleep"))
    run = subprocess.Popen(
        [sys.executable, str(checkout / "dev.py"), "demo"],
        env={**os.environ, "PATH": str(path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (checkout / ".venv" / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    tool(path, "uv", venv_tool("uv"))

    again = ask(checkout, "demo", path=path)

    assert again.returncode == 0, again.stderr
    assert again.stdout == "demo with []\n"


@pytest.mark.prove
def test_without_ensurepip_it_takes_virtualenv(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    without = tmp_path / "no-ensurepip"
    without.mkdir()
    (without / "ensurepip.py").write_text("raise ImportError('taken out, as Debian does')")
    path.mkdir()
    (path / "python3.11").write_text(f'#!/bin/sh\nPYTHONPATH="{without}" exec "{BASE_PYTHON}" "$@"\n')
    (path / "python3.11").chmod(0o755)

    missing = ask(checkout, "demo", path=path)
    tool(path, "virtualenv", venv_tool("virtualenv"))
    found = ask(checkout, "demo", path=path)

    assert missing.returncode == 2
    assert "has neither venv (with ensurepip) nor virtualenv, and there is no uv\nfix: " in missing.stderr
    assert found.returncode == 0, found.stderr
    assert "by virtualenv" in found.stderr
    assert found.stdout == "demo with []\n"


def test_where_no_python_fits_it_says_the_line_and_exits_2(checkout: Path, tmp_path: Path) -> None:
    script = checkout / "dev.py"
    script.write_text(script.read_text().replace("MINIMUM = (3, 11)", "MINIMUM = (3, 99)"))
    tool(tmp_path / "bin", "python3.14", None)

    result = ask(checkout, "test", path=tmp_path / "bin")

    assert result.returncode == 2
    assert result.stdout == ""
    cause, fix = result.stderr.splitlines()
    assert cause == "dev.py: no Python 3.11 or newer, and no uv, that runs here"
    assert fix.startswith("fix: ")
    assert not (checkout / ".venv").exists()


def test_every_old_python_reads_it_and_is_told_what_is_missing(checkout: Path, tmp_path: Path) -> None:
    for python in old_pythons():  # none on many machines: the grammar test below holds everywhere
        shown = ask(checkout, "help", path=tmp_path / "empty", python=python)
        refused = ask(checkout, "test", path=tmp_path / "empty", python=python)

        assert "python3 dev.py demo" in shown.stdout, f"{python}: {shown.stderr}"
        assert (refused.returncode, refused.stderr.count("fix: ")) == (2, 1), f"{python}: {refused.stderr}"


def test_an_old_python_makes_the_environment_with_a_newer_one(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    tool(path, "uv", venv_tool("uv"))
    tool(path, "python3.13", None)
    tool(path, "python3.11", BASE_PYTHON)
    oldest = [*old_pythons(), sys.executable][0]

    result = ask(checkout, "demo", path=path, python=oldest)

    assert result.returncode == 0, result.stderr
    assert f"({BASE_PYTHON})" in result.stderr


def test_it_is_written_in_the_grammar_of_python_3_6() -> None:
    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("arguments", [["deploy"], ["check", "--fast"]])
def test_a_command_that_does_not_exist_is_refused_before_anything_is_made(
    checkout: Path, tmp_path: Path, arguments: Sequence[str]
) -> None:
    result = ask(checkout, *arguments, path=tmp_path)

    assert result.returncode == 2
    assert "fix: " in result.stderr
    assert not (checkout / ".venv").exists()


def test_check_runs_every_check_even_after_one_failed(checkout: Path, tmp_path: Path) -> None:
    tool(tmp_path / "bin", "uv", venv_tool("uv"))

    result = ask(checkout, "check", path=tmp_path / "bin")

    summary = [line.split(maxsplit=1) for line in result.stdout.splitlines()[-4:]]
    assert result.returncode == 1
    assert summary == [
        ["FAILED", "ruff check"],
        ["FAILED", "ruff format"],
        ["FAILED", "mypy --strict"],
        ["ok", "dev.py on Python 3.6"],
    ]
