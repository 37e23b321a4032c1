"""Installs what a Node service's own lock file pins: by hash, and without running anything of it."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from release.build.meanings import Meaning, meaning_of
from release.build.process import Ended, run
from release.errors import Misconfigured, ReleaseError, Unavailable

PACKAGE = "package.json"
LOCK = "package-lock.json"

# What npm may learn from the user's environment: how to reach a registry and where to cache. Nothing that
# chooses packages, and nothing that lets their scripts run.
_KEPT = frozenset(
    {
        *("HOME", "PATH", "TMPDIR", "XDG_CONFIG_HOME", "NODE_AUTH_TOKEN", "NPM_TOKEN"),
        *("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"),
    }
)
_KEPT_SETTINGS = frozenset(
    {
        *("cache", "offline", "registry", "userconfig", "globalconfig", "_auth", "strict_ssl"),
        *("ca", "cafile", "proxy", "https_proxy", "noproxy", "maxsockets", "fetch_retries", "fetch_timeout"),
    }
)
Packages: TypeAlias = Mapping[str, Mapping[str, Any]]  # entry of the lock file by path

_STRONG = ("sha512-", "sha384-", "sha256-")  # https://www.w3.org/TR/SRI/#hash-functions

# In this order: what npm says of a package that is not there may speak of the network, too.
_MEANINGS = (
    Meaning(
        r"EINTEGRITY",
        Misconfigured,
        "the registry serves other bytes than {lock} pins",
        "find out who replaced the package before you trust it; then lock again",
    ),
    Meaning(
        r"EUSAGE|can only install packages when your package\.json",
        Misconfigured,
        "{folder}/package.json and {lock} are out of step",
        "run npm install --package-lock-only --ignore-scripts in {folder}, and commit both",
        shown=r"\b(?:Missing|Invalid):",  # the rest is npm's manual
    ),
    Meaning(
        r"ENOTCACHED",
        Unavailable,
        "not every package of {lock} is cached, and npm is set to work offline",
        "unset npm_config_offline, or fill npm's cache while there is a network",
    ),
    Meaning(
        r"code (?:E401|E403|ENEEDAUTH|E407)",
        Misconfigured,
        "the registry refused access",
        "check the credentials in your .npmrc, NODE_AUTH_TOKEN or NPM_TOKEN",
    ),
    Meaning(
        r"code (?:E404|ETARGET|EBADENGINE|EBADPLATFORM|ENOENT)",
        Misconfigured,
        "npm cannot install a package of {lock}",
        "check its name, version and registry; then lock again",
    ),
    Meaning(
        r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ESOCKET|ERR_SOCKET|EIDLETIMEOUT|E5\d\d|network",
        Unavailable,
        "the packages of {lock} cannot be fetched",
        "check the network, HTTPS_PROXY and the registry in .npmrc, and try again",
    ),
    Meaning("", Misconfigured, "npm cannot install {lock}", "see npm's own words above"),
)


def find(program: str) -> str:
    """Path of node or npm. Raises Misconfigured."""
    if found := shutil.which(program):
        return found
    raise Misconfigured(
        f"{program}, which builds Node services, is not on this machine's PATH",
        fix="install Node.js 20 or newer, with npm",
        see="https://nodejs.org/en/download",
    )


def read_npm_lock(data: bytes, *, file: str) -> Packages:
    """The packages of a lock file by path (`node_modules/esbuild`), the service itself left out.

    Its form: "package-lock.json" in the documentation of the npm CLI. Raises Misconfigured that lists every
    package which npm would take from elsewhere than a registry, or without a strong hash.
    """
    folder = file.rpartition("/")[0]
    fix = f"lock again: npm install --package-lock-only --ignore-scripts (in {folder}), and commit {LOCK}"
    try:
        document = json.loads(data)
        version, packages = document["lockfileVersion"], dict(document["packages"])
    except (ValueError, LookupError, TypeError) as error:
        raise Misconfigured(
            f"{file} is no lock file of npm 7 or newer ({type(error).__name__})", fix=fix, see=file
        ) from error
    if version not in (2, 3):
        raise Misconfigured(f"{file} has the version {version!r}; 2 and 3 are known", fix=fix, see=file)
    packages.pop("", None)
    text = data.decode(errors="replace")
    problems = [
        (_line(text, path), f"{path}: {reason}")
        for path, entry in packages.items()
        if (reason := _unpinned(path, entry))
    ]
    if problems:
        raise Misconfigured(
            f"{file} does not pin every package by a hash",
            fix=fix,
            see=f"{file}:{problems[0][0]}",
            details=[f"{file}:{line}: {problem}" for line, problem in problems],
        )
    return packages


class NpmInstall(Protocol):
    def __call__(self, folder: Path, packages: Packages, *, name: str, hide: Path, seconds: float) -> None:
        """Fill `node_modules` of a folder that has both files. `name` is the folder in the repository,
        `packages` what `read_npm_lock` gave, `hide` a temporary folder that no message should name.
        """


def npm_install(folder: Path, packages: Packages, *, name: str, hide: Path, seconds: float) -> None:
    """By `npm ci`, which installs what is locked or nothing.

    Raises Misconfigured (files out of step, other bytes than pinned, no npm) and Unavailable (no network).
    """
    command = [
        *(find("npm"), "ci", "--ignore-scripts", "--include=dev", "--include=optional", "--prefer-offline"),
        "--no-workspaces",  # of a folder above: npm looks upwards, and anybody may write to /tmp
        *("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--logs-max=0"),
    ]
    try:
        ended = run(command, folder=folder, environment=npm_environment(os.environ), seconds=seconds)
    except OSError as error:
        raise Misconfigured(
            f"npm cannot be started: {error}", fix="install Node.js again, with npm"
        ) from error
    if ended.code != 0:
        raise explain(ended, name=name, hide=hide)
    # npm goes on without an optional package that it cannot fetch or whose hash is wrong, and says nothing.
    absent = [path for path, entry in packages.items() if _is_for_any(entry) and not (folder / path).is_dir()]
    if absent:
        raise Unavailable(
            f"npm left out packages that {name}/{LOCK} pins, because they are optional to it",
            fix="try again; if it stays so, check their hashes and lock again",
            see=f"{name}/{LOCK}",
            details=absent,
        )


def npm_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that an installation may depend on."""
    kept = {}
    for name, value in environment.items():
        setting = name.lower().removeprefix("npm_config_").replace("-", "_")
        is_setting = name.lower().startswith("npm_config_")
        if name.upper() in _KEPT or (is_setting and (setting in _KEPT_SETTINGS or setting.startswith("//"))):
            kept[name] = value
    return kept | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}


def explain(ended: Ended, *, name: str, hide: Path) -> ReleaseError:
    """The error for what npm printed."""
    lock = f"{name}/{LOCK}"
    if ended.code is None:
        return Unavailable(
            f"npm did not finish installing {lock} in time",
            fix="check the network to your registry, or give it more time with build.timeout",
            see=lock,
            details=ended.tail(hide) or ["npm said nothing"],
        )
    meaning, _ = meaning_of(ended.log, _MEANINGS)
    lines = ended.lines(hide) or ["npm said nothing"]
    return meaning.error({"lock": lock, "folder": name}, see=lock, lines=lines)


def _is_for_any(entry: Mapping[str, Any]) -> bool:
    """Whether every machine installs it: neither for some systems alone nor part of another package."""
    return not any(entry.get(key) for key in ("os", "cpu", "libc", "inBundle", "peer"))


def _unpinned(path: str, entry: Any) -> str | None:
    """Why a package is not pinned. None: it is, or it lies in another one that is."""
    if not isinstance(entry, dict):
        return "is no description of a package"
    if entry.get("link") or not path.startswith("node_modules/"):
        return "is a folder beside the lock file; import its files by their path instead"
    if entry.get("inBundle"):
        return None
    integrity = entry.get("integrity")
    hashes: Sequence[str] = integrity.split() if isinstance(integrity, str) else ()
    if any(each.startswith(_STRONG) for each in hashes):
        return None
    return "has no integrity" if not hashes else f"has a weak hash alone ({hashes[0].partition('-')[0]})"


def _line(text: str, path: str) -> int:
    place = text.find(f"{json.dumps(path)}:")
    return text.count("\n", 0, place) + 1 if place >= 0 else 1
