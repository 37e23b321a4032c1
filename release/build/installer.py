"""Runs uv: installs the wheels of a lock file in a clean environment, and says why when it cannot."""

import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.build.meanings import Meaning, meaning_of
from release.build.requirements import Pin, how_to_lock, normalised
from release.build.target import Target
from release.errors import Misconfigured, ReleaseError, Unavailable

_TIMEOUT = 15 * 60  # seconds; uv's own time-outs end a dead connection long before
_ONE_AT_A_TIME = threading.Lock()

# What uv may learn from the user's environment: how to reach the index and where to cache. Nothing that
# chooses packages.
_HOMES = ("HOME", "PATH", "TMPDIR", "USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
_NETWORK = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR")
_UVS = ("CACHE_DIR", "CONFIG_FILE", "CREDENTIALS_DIR", "DEFAULT_INDEX", "EXTRA_INDEX_URL", "FIND_LINKS")
_UVS_TOO = ("INSECURE_HOST", "KEYRING_PROVIDER", "NO_CACHE", "NO_CONFIG", "OFFLINE", "SYSTEM_CERTS")
_KEPT = frozenset((*_HOMES, *_NETWORK, "SSL_CLIENT_CERT", *(f"UV_{name}" for name in (*_UVS, *_UVS_TOO))))
_KEPT_PREFIXES = ("UV_INDEX", "UV_HTTP_", "UV_CONCURRENT_")

_PACKAGE = r"`?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)(?:==(?P<version>[^\s`]+))?`?"
_NOTHING_MORE = r"(?!)"
# In this order: what uv says of a hash or a wheel may speak of the index, too.
_MEANINGS = (
    Meaning(
        rf"Hash mismatch for {_PACKAGE}\s",
        Misconfigured,
        "the package index serves other bytes for {package} than {file} pins",
        "find out who replaced the file before you trust it; then lock again: {lock_again}",
    ),
    Meaning(
        rf"no trusted hash was provided for: {_PACKAGE}\s",
        Misconfigured,
        "{file} lacks {package}, which another package in it needs",
        "lock again with all dependencies: {lock_again}",
        shown=_NOTHING_MORE,
    ),
    Meaning(
        r"network was disabled|not found in the cache|in the provided package locations",
        Unavailable,
        "not every package of {file} is cached, and the network is switched off for uv",
        "unset UV_OFFLINE, or fill uv's cache while there is a network",
    ),
    Meaning(
        rf"{_PACKAGE} has no (?:usable )?wheels",
        Misconfigured,
        "{package} has no wheel for {platform}, and nothing is ever built from source",
        "choose a version that has one, another architecture or runtime, or do without the package",
        shown="^hint:",
    ),
    Meaning(
        rf"there is no version of {_PACKAGE}\s"
        r"|(?:Because|and) (?P<name2>\S+) was not found in the package registry",
        Misconfigured,
        "the package index has no {package}",
        "check name, version and index (UV_DEFAULT_INDEX); then lock again: {lock_again}",
        shown=_NOTHING_MORE,
    ),
    Meaning(
        r"HTTP status client error \((?:401|403|407)|[Mm]issing credentials",
        Misconfigured,
        "the package index refused access",
        "check the credentials of your index (UV_INDEX_…_USERNAME and _PASSWORD, netrc or keyring)",
    ),
    Meaning(
        r"Failed to fetch|Failed to download|error sending request|Request failed|dns error"
        r"|tcp connect error|timed out|HTTP status server error",
        Unavailable,
        "the packages of {file} cannot be fetched",
        "check the network, HTTPS_PROXY, SSL_CERT_FILE and UV_DEFAULT_INDEX, and try again",
    ),
    Meaning("", Misconfigured, "uv cannot install {file}", "see uv's own words above"),
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=//)[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to be installed: a lock file's bytes, and what its wheels are chosen for."""

    lock: bytes
    file: str  # the lock file's path in the repository, for people
    pins: Sequence[Pin]
    runtime: str
    architecture: str
    target: Target


Install = Callable[[Installation, Path], None]  # fills an empty folder


def uv_install(asked: Installation, into: Path) -> None:
    """Install the wheels into a folder. Every package must be in the lock file, with the hash that it has
    there.

    Raises Misconfigured (no uv, hash mismatch, no wheel for the platform, lock file incomplete) and
    Unavailable (no network).
    """
    into = into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    lock = into.parent / f"{into.name}.requirements.txt"
    lock.write_bytes(asked.lock)
    command = [
        find_uv(),
        *("pip", "install", "--quiet", "--no-progress", "--color", "never"),
        *("--python", sys.executable, "--no-python-downloads"),
        *("--require-hashes", "--only-binary", ":all:", "--no-compile-bytecode"),
        *("--target", str(into), *asked.target.wheel_options(asked.runtime, asked.architecture)),
        *("-r", str(lock)),
    ]
    try:
        ended = subprocess.run(
            command,
            cwd="/",  # uv looks for configuration upwards from here, and anybody may write to /tmp
            env=clean_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"uv did not finish installing {asked.file} within {_TIMEOUT // 60} minutes",
            fix="check the network to your package index, and try again",
            see=asked.file,
        ) from error
    except OSError as error:
        raise Misconfigured(
            f"uv cannot be started: {error}",
            fix="install uv again: python -m pip install --force-reinstall uv",
        ) from error
    finally:
        lock.unlink(missing_ok=True)
    if ended.returncode != 0:
        raise explain(ended.stderr, asked)


def find_uv() -> str:
    """Path of the uv that came with this tool, or else the one on PATH. Raises Misconfigured."""
    try:
        import uv

        # sysconfig, which this asks, answers None to a second thread while the first still fills its
        # variables.
        with _ONE_AT_A_TIME:
            return uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        if found := shutil.which("uv"):
            return found
        raise Misconfigured(
            "uv, which installs the dependencies of Python services, is not there",
            fix="install it: python -m pip install uv",
        ) from error


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a build may depend on.

    uv trusts a list of its own and not the machine's, pip the machine's: behind a company's proxy the one
    fails where the other works. So uv gets the machine's too, where there are any.
    """
    trusted = ssl.get_default_verify_paths()
    system = {"UV_SYSTEM_CERTS": "true"} if trusted.cafile or trusted.capath else {}
    kept = {
        name: value
        for name, value in environment.items()
        if name.upper() in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return system | kept | {"LC_ALL": "C.UTF-8"}


def explain(message: str, asked: Installation) -> ReleaseError:
    """The error for what uv printed."""
    meaning, found = meaning_of(message, _MEANINGS)
    words = found.groupdict()
    name, version = words.get("name") or words.get("name2") or "", words.get("version")
    facts = {
        "file": asked.file,
        "package": f"{name} {version}" if version else name,
        "platform": _platform(asked),
        "lock_again": how_to_lock(asked.file.rpartition("/")[0], asked.runtime),
    }
    line = next((pin.line for pin in asked.pins if pin.name == normalised(name)), None)
    see = asked.file if line is None else f"{asked.file}:{line}"
    lines = [_CREDENTIALS_IN_URL.sub("", line).rstrip() for line in message.splitlines() if line.strip()]
    return meaning.error(facts, see=see, lines=lines or ["uv said nothing"])


def _platform(asked: Installation) -> str:
    if asked.target.is_host:
        return f"this machine ({asked.target.name.removeprefix('host:')})"
    return f"{asked.runtime} on {asked.architecture}"
