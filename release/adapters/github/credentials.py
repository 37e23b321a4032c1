"""Which GitHub, which repository, whose token."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from release.errors import Misconfigured

PUBLIC: Final = "github.com"
_PUBLIC_API: Final = "https://api.github.com"
_TOKENS: Final = ("GH_TOKEN", "GITHUB_TOKEN")  # in the order of gh(1), ENVIRONMENT
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", re.ASCII)
# git@HOST:OWNER/NAME.git, and addresses with a scheme
_SCP: Final = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?P<path>(?!//)[^\s]+)", re.ASCII)
_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Token:
    """Never shown: not by repr, not in a message."""

    value: str = field(repr=False)
    source: str  # where it was found, for messages


@dataclass(frozen=True, slots=True)
class Home:
    """One repository of one GitHub."""

    api: str  # base address of the API, without a slash at its end
    web: str  # base address for people
    repository: str  # OWNER/NAME

    @property
    def url(self) -> str:
        return f"{self.web}/{self.repository}"


def home_of(environ: Mapping[str, str], remote: str | None) -> Home:
    """GITHUB_API_URL, GITHUB_SERVER_URL and GITHUB_REPOSITORY where they are set; else what the remote's
    address says. Raises Misconfigured.
    """
    host, path = _parts(remote)
    api = environ.get("GITHUB_API_URL", "").rstrip("/")
    if not api:
        if host != PUBLIC:
            where = f"the remote is on {host}" if host else "the remote has no address on GitHub"
            raise Misconfigured(
                f"which GitHub to talk to is not known: {where}",
                fix=f"set GITHUB_API_URL, as in {_PUBLIC_API} or https://HOST/api/v3, and GITHUB_REPOSITORY",
            )
        api = _PUBLIC_API
    _check_address(api)
    named = environ.get("GITHUB_REPOSITORY") or (path if _is_of(api, host) else "")
    if _NAME.fullmatch(named) is None:
        raise Misconfigured(
            f"{named!r} names no repository of GitHub"
            if named
            else "the repository's name on GitHub is not known",
            fix="set GITHUB_REPOSITORY to OWNER/NAME, or let the remote's address name it",
        )
    web = environ.get("GITHUB_SERVER_URL", "").rstrip("/") or _web_of(api)
    return Home(api, web, named)


def find_token(environ: Mapping[str, str], api: str) -> Token | None:
    """GH_TOKEN or GITHUB_TOKEN, else what gh has kept. None: there is none. Raises Misconfigured."""
    for name in _TOKENS:
        if environ.get(name):
            return _checked(environ[name], name)
    host = urlsplit(_web_of(api)).hostname or ""
    gh = shutil.which("gh", path=environ.get("PATH", os.defpath))
    if gh is None or host in ("localhost", "127.0.0.1", "::1"):
        return None
    try:
        asked = subprocess.run(
            [gh, "auth", "token", "--hostname", host],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    value = asked.stdout.strip()
    return _checked(value, "gh auth token") if asked.returncode == 0 and value else None


def _checked(value: str, source: str) -> Token:
    """What cannot stand in a header would come back in the words of an exception."""
    if re.fullmatch(r"[\x21-\x7e]+", value) is None:
        raise Misconfigured(
            f"what {source} holds is no token: it has white space or characters beyond ASCII",
            fix=f"set {source} to the token alone, without quotes and line ends",
        )
    return Token(value, source)


def _parts(remote: str | None) -> tuple[str, str]:
    """(host, OWNER/NAME) of a remote's address; both empty where it is none of a forge."""
    if not remote:
        return "", ""
    if "://" in remote:
        try:
            split = urlsplit(remote)
            host, path = split.hostname or "", split.path
        except ValueError:
            return "", ""
        if split.scheme not in ("https", "http", "ssh", "git"):
            return "", ""
    elif match := _SCP.fullmatch(remote):
        host, path = match["host"], match["path"]
    else:
        return "", ""
    name = path.strip("/").removesuffix(".git")
    # https://docs.github.com/en/authentication/troubleshooting-ssh/using-ssh-over-the-https-port
    host = PUBLIC if host.lower() in (PUBLIC, f"ssh.{PUBLIC}", f"www.{PUBLIC}") else host.lower()
    return host, name


def _is_of(api: str, host: str) -> bool:
    """Whether a remote on this host can be a repository of this API: names mean nothing elsewhere."""
    return bool(host) and host == (urlsplit(_web_of(api)).hostname or "")


def _web_of(api: str) -> str:
    if api == _PUBLIC_API:
        return f"https://{PUBLIC}"
    split = urlsplit(api)
    # Of GitHub Enterprise Cloud with data residency, the API is api.SUBDOMAIN.ghe.com
    if split.hostname and split.hostname.startswith("api.") and split.hostname.endswith(".ghe.com"):
        return f"https://{split.hostname.removeprefix('api.')}"
    return api.removesuffix("/api/v3")


def _check_address(api: str) -> None:
    try:
        split = urlsplit(api)
        plain = split.scheme == "http" and split.hostname in ("localhost", "127.0.0.1", "::1")
        good = bool(split.hostname) and not split.username and not split.query
    except ValueError:
        plain = good = False
    else:
        good = good and (split.scheme == "https" or plain)
    if not good:
        raise Misconfigured(
            "GITHUB_API_URL is no address to send a token to",
            fix="set it to an address that begins with https://, as in https://HOST/api/v3",
        )
