"""Rules for what is tracked: nothing of one machine, locks that hold, hooks that need no network."""

import os
import pwd
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("runtime.txt", "sandbox.txt", "ci.txt", "dev.txt")

# Put together here, so that this file passes its own test.
INDEX_HOSTS = re.compile(
    r"(?<![\w-])(?:[\w.-]+\.)?"
    + "(?:"
    + "|".join([r"py" + r"pi\.org", r"python" + r"hosted\.org", r"npm" + r"js\.(?:org|com)"])
    + ")"
)
INDEX_OPTIONS = re.compile(
    "|".join(["--(?:extra-)?" + "index-url", "--find" + "-links", "--trusted" + "-host"])
)
SCRATCH_FOLDERS = re.compile(
    r"(?<![\w.:/*}])/"
    + "(?:"
    + "|".join(["wo" + "rk/", "ro" + "ot/", "ho" + "me/[a-z]", "opt/wh" + "eels"])
    + ")"
)


def tracked_texts() -> Iterator[tuple[str, str]]:
    # safe.directory: in a container the checkout often belongs to another user
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path.is_file():
            yield name, path.read_bytes().decode("utf-8", errors="replace")


def hosts_of_this_machine() -> set[str]:
    """Hosts that this machine's installers fetch from, as their environment says."""
    names = ("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "DEFAULT_INDEX", "INDEX", "CONFIG_REGISTRY")
    values = [value for name, value in os.environ.items() if name.upper().endswith(names)]
    hosts = {urlsplit(word.split("=", 1)[-1]).hostname for value in values for word in value.split()}
    return {host for host in hosts if host and host not in ("localhost", "127.0.0.1")}


def places_of_this_machine() -> list[str]:
    """Where this checkout and its owner live, unless that is too general to say anything."""
    places = [str(ROOT), pwd.getpwuid(os.getuid()).pw_dir]
    return [place for place in places if len(Path(place).parts) > 2]


def foreign_to_others(text: str) -> list[str]:
    """Words in the text that mean something on one machine only, or say where packages come from."""
    patterns = (INDEX_HOSTS, INDEX_OPTIONS, SCRATCH_FOLDERS)
    found = [match[0] for pattern in patterns for match in pattern.finditer(text)]
    found += [word for word in [*hosts_of_this_machine(), *places_of_this_machine()] if word in text]
    return found


def test_no_tracked_file_names_a_package_index_or_a_place_on_one_machine() -> None:
    found = [f"{name}: {word}" for name, text in tracked_texts() for word in foreign_to_others(text)]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "see https://py" + "pi.org/simple",
        "files.python" + "hosted.org/packages",
        "registry.npm" + "js.org",
        "--extra-" + "index-url x",
        "cat /wo" + "rk/shared",
        "cd '/ro" + "ot/x'",
        "PATH=/ho" + "me/ann/bin",
    ],
)
def test_a_package_index_or_a_machines_path_would_be_found(text: str) -> None:
    assert foreign_to_others(text)


def pins(lock: str) -> dict[str, Requirement]:
    """What a lock file pins, by canonical name."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found = [Requirement(line.split(" --hash=")[0]) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def version(pin: Requirement) -> Version:
    (specifier,) = pin.specifier
    assert specifier.operator == "==", f"{pin} is not pinned"
    return Version(specifier.version)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_has_hashes_and_nothing_else_stands_there(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    odd = [
        line[:60]
        for line in lines
        if not re.fullmatch(r"[a-z0-9-]+==[^\s;]+( ; [^\\]*?)?\s+(--hash=sha256:[0-9a-f]{64}\s*)+", line)
    ]

    assert lines
    assert not odd
    assert "://" not in text


def project() -> dict[str, list[str]]:
    """The project's requirements as pyproject.toml gives them, by lock file."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = table["optional-dependencies"]
    own = {
        extra: [line for line in lines if not line.startswith(table["name"])]
        for extra, lines in extras.items()
    }
    runtime, ci = table["dependencies"], own["infra"] + own["ci"]
    return {
        "runtime.txt": runtime,
        "sandbox.txt": runtime + own["sandbox"],
        "ci.txt": runtime + ci,
        "dev.txt": runtime + own["sandbox"] + ci + own["dev"],
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_what_pyproject_asks_for(lock: str) -> None:
    pinned = pins(lock)
    for line in project()[lock]:
        asked = Requirement(line)
        name = canonicalize_name(asked.name)
        assert name in pinned, f"requirements/{lock} lacks {line}; see CONTRIBUTING.md, Dependencies"
        assert asked.specifier.contains(version(pinned[name])), (
            f"requirements/{lock} pins {pinned[name]}, not {line}"
        )


def needed(requirements: Iterable[str], extra: str = "") -> list[Requirement]:
    """Those that apply on this machine, for a package taken with this extra."""
    parsed = [Requirement(line) for line in requirements]
    return [each for each in parsed if not each.marker or each.marker.evaluate({"extra": extra})]


def test_the_lock_is_closed_under_what_its_packages_need() -> None:
    pinned = pins("dev.txt")
    todo = needed(project()["dev.txt"])
    seen: set[tuple[str, str]] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"requirements/dev.txt lacks {name}"
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            todo += needed(metadata.requires(name) or [], extra)
    assert len({name for name, _ in seen}) > 50


def test_what_is_installed_is_what_the_lock_pins() -> None:
    here = [pin for pin in pins("dev.txt").values() if not pin.marker or pin.marker.evaluate()]
    other = [
        f"{pin.name} {metadata.version(pin.name)}, pinned {version(pin)}"
        for pin in here
        if Version(metadata.version(pin.name)) != version(pin)
    ]

    assert not other, "run python3 dev.py test, which makes .venv again: " + ", ".join(other)


def test_the_pre_commit_configuration_is_valid_and_fetches_nothing() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout
    repositories = re.findall(
        r"^ *- repo: (\S+)", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE
    )
    assert set(repositories) == {"local"}


def test_the_licence_is_complete() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
