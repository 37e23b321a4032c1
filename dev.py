#!/usr/bin/env python3
"""Run this repository's demo, tests, checks and measurements on whatever Python 3 there is.

    python3 dev.py demo             the whole line on real input: merge, DEV, QA, UAT, PROD in two regions
    python3 dev.py test [ARG ...]   the tests; arguments go to pytest
    python3 dev.py check            lint, format, types, and that this file still runs on Python 3.6
    python3 dev.py prove [ARG ...]  the long proofs (crash points, races); arguments go to pytest
    python3 dev.py bench [ROW ...]  measure against peers and floors; `bench --help` has the options
    python3 dev.py help             this page

The first run finds a Python that is new enough and makes .venv from requirements/dev.txt, hashes required.
Later runs make it again only when the lock file changed. Nothing outside this folder is written.

Exit codes: 2 when no environment can be made (with the line that mends it), otherwise the command's own.
"""

# Python 3.6 syntax and library, no dependencies: this file runs before anything is installed.
import hashlib
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

try:
    import fcntl
except ImportError:
    sys.exit("dev.py: needs Linux or macOS\nfix: on Windows, run it inside WSL")

ROOT = os.path.dirname(os.path.realpath(__file__))
LOCK_FILE = os.path.join("requirements", "dev.txt")
VENV = ".venv"
VENV_PYTHON = os.path.join(ROOT, VENV, "bin", "python")
STAMP = os.path.join(ROOT, VENV, "dev.py.json")
MINIMUM = (3, 11)
NAMES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")
PYTHONS_OF_UV = ">=3.11,<3.15"
# What another environment may have left behind and what would send an installation somewhere else.
POLLUTION = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONEXECUTABLE",
    "PYTHONWARNINGS",
    "PYTHONDONTWRITEBYTECODE",  # each worker of the tests would compile them all, and each command `release`
    "__PYVENV_LAUNCHER__",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
)


class Python(NamedTuple):
    path: str
    version: Tuple[int, ...]
    has_venv: bool
    has_virtualenv: bool


class Facts(NamedTuple):
    pythons: List[Python]  # new enough, in the order of preference
    uv: Optional[str]
    virtualenv: Optional[str]
    system: str  # platform.system()
    os_release: Dict[str, str]  # /etc/os-release, empty where there is none
    needs_sudo: bool


class Recipe(NamedTuple):
    installer: str  # "uv" or "pip"
    why: str
    create: List[str]
    install: List[str]
    install_project: List[str]


class Missing(NamedTuple):
    cause: str
    fix: str


class Stop(Exception):
    """No environment can be made: the cause, and the line that mends it."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix


# -- deciding: pure functions over facts ------------------------------------------------------------------


def decide(facts: Facts) -> Union[Recipe, Missing]:
    """How to make .venv here, or what is missing. uv is by far the fastest, so it comes first."""
    if facts.uv:
        wanted = facts.pythons[0].path if facts.pythons else PYTHONS_OF_UV
        found = describe(facts.pythons[0]) if facts.pythons else "whichever Python uv finds or fetches"
        return Recipe(
            "uv",
            "uv ({}) with {}".format(facts.uv, found),
            [facts.uv, "venv", "--python", wanted, VENV],
            uv_install(facts.uv) + ["--require-hashes", "-r", LOCK_FILE],
            uv_install(facts.uv) + ["--no-deps", "--no-build-isolation", "-e", "."],
        )
    for python in facts.pythons:
        if python.has_venv:
            return pip_recipe("venv of " + describe(python), [python.path, "-m", "venv", VENV])
    for python in facts.pythons:
        if facts.virtualenv:
            create = [facts.virtualenv, "--python", python.path, VENV]
            return pip_recipe("virtualenv ({}) with {}".format(facts.virtualenv, describe(python)), create)
        if python.has_virtualenv:
            return pip_recipe(
                "virtualenv module of " + describe(python), [python.path, "-m", "virtualenv", VENV]
            )
    if facts.pythons:
        python = facts.pythons[0]
        cause = "{} has neither venv (with ensurepip) nor virtualenv, and there is no uv".format(
            describe(python)
        )
        return Missing(cause, install_venv_line(python, facts))
    return Missing("no Python 3.11 or newer, and no uv, that runs here", install_python_line(facts))


def describe(python: Python) -> str:
    return "Python {} ({})".format(".".join(str(part) for part in python.version), python.path)


def uv_install(uv: str) -> List[str]:
    return [uv, "pip", "install", "--python", VENV_PYTHON]


def pip_recipe(why: str, create: List[str]) -> Recipe:
    pip = [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    return Recipe(
        "pip",
        why,
        create,
        pip + ["--require-hashes", "-r", LOCK_FILE],
        pip + ["--no-deps", "--no-build-isolation", "-e", "."],
    )


def install_python_line(facts: Facts) -> str:
    """The exact line that brings a fitting Python, with venv, to this system."""
    if facts.system == "Darwin":
        return "brew install python@3.13"
    sudo = "sudo " if facts.needs_sudo else ""
    family = distribution_family(facts.os_release)
    if family == "debian":
        minor = python_of_debian(facts.os_release)
        if minor is None:
            return sudo + "apt-get install -y python3-pip && python3 -m pip install --user uv"
        return "{0}apt-get install -y python3.{1} python3.{1}-venv".format(sudo, minor)
    if family == "fedora":
        return sudo + "dnf install -y python3.{}".format(13 if facts.os_release.get("ID") == "fedora" else 12)
    return "install Python 3.11 or newer, or uv, with your system's package manager"


def install_venv_line(python: Python, facts: Facts) -> str:
    if distribution_family(facts.os_release) == "debian" and python.path.startswith("/usr/bin/"):
        sudo = "sudo " if facts.needs_sudo else ""
        return "{}apt-get install -y python3.{}-venv".format(sudo, python.version[1])
    return "{} -m pip install --user virtualenv".format(python.path)


def distribution_family(os_release: Dict[str, str]) -> str:
    names = [os_release.get("ID", "")] + os_release.get("ID_LIKE", "").split()
    if "debian" in names or "ubuntu" in names:
        return "debian"
    if "fedora" in names or "rhel" in names:
        return "fedora"
    return ""


def python_of_debian(os_release: Dict[str, str]) -> Optional[int]:
    """Minor version of the newest Python 3 in that release's archive; None where all are too old."""
    known: Dict[Tuple[str, str], Optional[int]] = {
        ("debian", "11"): None,
        ("debian", "12"): 11,
        ("debian", "13"): 13,
        ("ubuntu", "20.04"): None,
        ("ubuntu", "22.04"): 11,
        ("ubuntu", "24.04"): 12,
        ("ubuntu", "25.04"): 13,
        ("ubuntu", "25.10"): 13,
        ("ubuntu", "26.04"): 14,
    }
    return known.get((os_release.get("ID", ""), os_release.get("VERSION_ID", "")), 11)


def stale(stamp: Optional[Dict[str, str]], wanted: Dict[str, str]) -> str:
    """What has to be made again: "all", "project" or "nothing". No stamp: an earlier run did not finish."""
    if stamp is None or any(stamp.get(key) != wanted[key] for key in ("root", "lock", "python")):
        return "all"
    return "nothing" if stamp.get("project") == wanted["project"] else "project"


def child_environment(environ: Dict[str, str], root: str) -> Dict[str, str]:
    """The environment of every tool: ours in front, other environments' traces gone, all else as it was."""
    clean = {name: value for name, value in environ.items() if name not in POLLUTION}
    if not clean.get("HOME"):
        clean.pop("HOME", None)  # tools then ask the password database; an empty name they take for a folder
    clean["VIRTUAL_ENV"] = os.path.join(root, VENV)
    clean["PATH"] = os.pathsep.join([os.path.join(root, VENV, "bin"), environ.get("PATH") or os.defpath])
    return clean


def from_here(argument: str, folder: str) -> str:
    """A path to a test as the caller sees it, made absolute: pytest runs in the repository's root."""
    path = argument.partition("::")[0]
    if argument.startswith("-") or not os.path.exists(os.path.join(folder, path)):
        return argument
    return os.path.join(folder, argument)


# -- looking: facts of this machine -----------------------------------------------------------------------


PROBE = """
import json, os, sys
def has(check):
    try:
        check()
    except Exception:
        return False
    return True
def venv():
    import ensurepip, venv
    ensurepip.version()
def virtualenv():
    import virtualenv
path = sys.executable
if sys.version_info >= (3, 11) and sys.prefix != sys.base_prefix:
    path = sys._base_executable
print(json.dumps([path, sys.version_info[:3], has(venv), has(virtualenv)]))
"""


def look() -> Facts:
    return Facts(
        find_pythons(),
        first_that_runs(programs("uv") + in_home(".local/bin/uv", ".cargo/bin/uv"), ["--version"]),
        first_that_runs(programs("virtualenv"), ["--version"]),
        platform.system(),
        read_os_release(),
        os.geteuid() != 0 or shutil.which("sudo") is not None,
    )


def find_pythons() -> List[Python]:
    """Every Python that is new enough. A name on PATH may be a shim: only what it prints is believed."""
    candidates = [path for name in NAMES for path in programs(name)]
    candidates.append(sys.executable)
    found: List[Python] = []
    for path in candidates:
        output = answer([path, "-c", PROBE])
        try:
            real, version, has_venv, has_virtualenv = json.loads(output or "")
        except (TypeError, ValueError):
            continue
        known = [os.path.realpath(each.path) for each in found]
        if tuple(version) >= MINIMUM and os.path.exists(real) and os.path.realpath(real) not in known:
            found.append(Python(real, tuple(version), has_venv, has_virtualenv))
    return found


def programs(name: str) -> List[str]:
    """Every executable of that name on PATH, our own .venv left out: it may be about to be deleted."""
    own = os.path.join(ROOT, VENV, "bin")
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    paths = [
        os.path.join(os.path.abspath(folder), name) for folder in folders if os.path.realpath(folder) != own
    ]
    return [path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]


def in_home(*names: str) -> List[str]:
    paths = [os.path.join(os.path.expanduser("~"), name) for name in names]
    return [path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]


def first_that_runs(paths: List[str], arguments: List[str]) -> Optional[str]:
    return next((path for path in paths if answer([path] + arguments) is not None), None)


def answer(command: List[str]) -> Optional[str]:
    """What the command printed, or None when it cannot be run, fails or hangs."""
    environment = {name: value for name, value in os.environ.items() if name not in POLLUTION}
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
        )
    except OSError:
        return None
    try:
        output = process.communicate(timeout=20)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    return output if process.returncode == 0 else None


def read_os_release() -> Dict[str, str]:
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            pairs = [line.strip().partition("=") for line in file]
    except OSError:
        return {}
    return {key: value.strip("\"'") for key, _, value in pairs}


def wanted_stamp() -> Dict[str, str]:
    return {
        "root": ROOT,  # scripts in .venv/bin name it: a copied or moved folder needs its own
        "lock": digest(LOCK_FILE),
        "project": digest("pyproject.toml"),
        "python": (answer([VENV_PYTHON, "-c", "import sys; print(sys.version)"]) or "none").strip(),
    }


def digest(name: str) -> str:
    try:
        with open(os.path.join(ROOT, name), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        raise Stop("cannot read {}: {}".format(name, error.strerror), "git checkout -- " + name) from None


def read_stamp() -> Optional[Dict[str, str]]:
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


# -- doing ------------------------------------------------------------------------------------------------


def ready_environment() -> int:
    """Make .venv fit the lock file and return a descriptor that keeps others from making it again.

    Who uses .venv holds a shared lock, who makes it an exclusive one. The lock is on the repository's folder:
    it leaves no file behind, and the kernel drops it when its holder dies, however it dies.
    """
    held = os.open(ROOT, os.O_RDONLY)
    while True:
        lock(held, fcntl.LOCK_SH)
        if stale(read_stamp(), wanted_stamp()) == "nothing":
            return held
        fcntl.flock(held, fcntl.LOCK_UN)
        lock(held, fcntl.LOCK_EX)
        make_environment(held)


def lock(held: int, kind: int) -> None:
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another dev.py is using or making {}: waiting for it".format(VENV))
        fcntl.flock(held, kind)


def make_environment(held: int) -> None:
    wanted = wanted_stamp()
    stamp = read_stamp()
    part = stale(stamp, wanted)
    if part == "nothing":
        return  # another run made it while we waited for the lock
    recipe = decide(look())
    if isinstance(recipe, Missing):
        raise Stop(recipe.cause, recipe.fix)
    if (
        part == "project"
        and stamp is not None
        and (stamp.get("installer"), recipe.installer) == ("uv", "pip")
    ):
        part = "all"  # uv leaves no pip in what it makes, and uv is gone
    if part == "all":
        if os.path.lexists(os.path.join(ROOT, VENV)):
            why = "is unfinished or not made by dev.py" if stamp is None else "no longer fits"
            say("{} {}: making it again".format(VENV, why))
        remove_environment()
        say("making {} by {}".format(VENV, recipe.why))
        set_up(recipe.create, held)
        set_up(recipe.install, held)
    set_up(recipe.install_project, held)
    made_by = recipe.installer if part == "all" or stamp is None else stamp.get("installer", "")
    # digests from before the installation: a file that changed meanwhile makes the next look see it
    wanted["python"] = wanted_stamp()["python"]
    if wanted["python"] == "none":
        raise Stop("{} was made but its python does not run".format(VENV), "python3 dev.py test, once more")
    with open(STAMP + ".new", "w", encoding="utf-8") as file:
        json.dump(dict(wanted, installer=made_by), file, indent=2, sort_keys=True)
    os.replace(STAMP + ".new", STAMP)


def remove_environment() -> None:
    if os.path.lexists(STAMP):
        os.unlink(STAMP)  # first, so that what is left of an interrupted removal is seen as unfinished
    path = os.path.join(ROOT, VENV)
    if os.path.islink(path):
        os.unlink(path)
    elif os.path.lexists(path):
        shutil.rmtree(path)


def set_up(command: List[str], held: int) -> None:
    say("$ " + shown(command))
    code = run(command, held, quiet=True)
    if code != 0:
        cause = "that command ended with {}; {} is unfinished".format(code, VENV)
        raise Stop(cause, "see its message above (network, disk, permissions), then run the same again")


def run(command: List[str], held: int, quiet: bool = False) -> int:
    """Run to the end; a stop asked of us is passed on, and we end only after the child.

    Quiet: nothing to read, and what it says goes to stderr, because stdout belongs to the command asked for.

    The child holds the lock too: should we be killed, nobody makes .venv again under an installer's feet.
    """
    sys.stdout.flush()
    environment = child_environment(dict(os.environ), ROOT)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL if quiet else None,
        stdout=sys.stderr if quiet else None,
        pass_fds=(held,),
    )
    asked: List[int] = []

    def pass_on(number: int, _frame: object) -> None:
        asked.append(number)
        if number != signal.SIGINT:  # Ctrl-C reaches the child from the terminal itself
            process.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, pass_on)) for number in numbers]
    try:
        code = process.wait()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    if asked:
        sys.exit(128 + asked[-1])
    return code if code >= 0 else 128 - code


def become(command: List[str], held: int) -> None:
    """Be replaced by the command: its exit code, its signals and its last line are then ours."""
    os.set_inheritable(held, True)
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execve(command[0], command, child_environment(dict(os.environ), ROOT))


def pytest(arguments: List[str]) -> List[str]:
    here = os.getcwd()
    # One more than there are cores: a third of the time, a test waits for a process, a bake or a rate limit.
    options = ["-n", str(cores() + 1), "--dist", "loadgroup"]
    return [VENV_PYTHON, "-m", "pytest"] + options + [from_here(each, here) for each in arguments]


def cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prove(arguments: List[str], held: int) -> int:
    code = run(pytest(["-m", "prove"] + arguments), held)
    if code == 5:
        print("no proof is collected: nothing to prove yet")
        return 0
    return code


def check(held: int) -> int:
    """Run every check, also after one that failed, and say at the end which."""
    module = [VENV_PYTHON, "-m"]
    checks = [
        ("ruff check", module + ["ruff", "check", "."]),
        ("ruff format", module + ["ruff", "format", "--check", "."]),
        ("mypy --strict", module + ["mypy", "--strict", "release", "bench"]),
        ("dev.py on Python 3.6", syntax_check(find_python36())),
    ]
    results = []
    for name, command in checks:
        print("$ " + shown(command))
        results.append((name, run(command, held)))
    print("")
    for name, code in results:
        print("{:<8}{}".format("ok" if code == 0 else "FAILED", name))
    return 1 if any(code for _, code in results) else 0


def find_python36() -> Optional[str]:
    home = os.path.join(os.path.expanduser("~"), ".pyenv", "versions")
    installed = sorted(os.listdir(home)) if os.path.isdir(home) else []
    pyenv = [os.path.join(home, name, "bin", "python") for name in installed if name.startswith("3.6.")]
    for path in programs("python3.6") + pyenv:
        if (answer([path, "-c", "import sys; print(sys.version_info[:2])"]) or "").strip() == "(3, 6)":
            return path
    return None


def syntax_check(python36: Optional[str]) -> List[str]:
    """A real Python 3.6 where there is one; otherwise a newer parser held to that grammar, which is laxer."""
    source = "open('dev.py', encoding='utf-8').read()"
    if python36:
        return [python36, "-c", "compile({}, 'dev.py', 'exec')".format(source)]
    return [VENV_PYTHON, "-c", "import ast; ast.parse({}, 'dev.py', feature_version=(3, 6))".format(source)]


def shown(command: List[str]) -> str:
    words = [os.path.relpath(word, ROOT) if word.startswith(ROOT + os.sep) else word for word in command]
    return " ".join(shlex.quote(word) for word in words)


def say(text: str) -> None:
    print("dev.py: " + text, file=sys.stderr, flush=True)


COMMANDS = ("demo", "test", "check", "prove", "bench", "help")


def main(arguments: List[str]) -> int:
    command = arguments[0] if arguments else "help"
    rest = arguments[1:]
    if command in ("help", "-h", "--help"):
        print(__doc__)
        return 0
    if command not in COMMANDS:
        say("there is no command {!r}\nfix: use one of {}".format(command, ", ".join(COMMANDS)))
        return 2
    if command == "check" and rest:
        say("check takes no arguments\nfix: python3 dev.py check")
        return 2
    try:
        held = ready_environment()
    except Stop as stop:
        say("{}\nfix: {}".format(stop.cause, stop.fix))
        return 2
    except OSError as error:
        say("cannot make {}: {}\nfix: check the permissions of {}".format(VENV, error, ROOT))
        return 2
    if command == "demo":
        become([VENV_PYTHON, "-m", "release.sandbox.demo"] + rest, held)
    if command == "test":
        become(pytest(rest), held)
    if command == "bench":
        become([VENV_PYTHON, "-m", "bench", "--folder", os.getcwd()] + rest, held)
    if command == "prove":
        return prove(rest, held)
    return check(held)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
