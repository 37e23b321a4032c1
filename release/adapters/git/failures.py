"""What git's standard error says about the world. With LC_ALL=C its words do not depend on the user."""

import re

from release.errors import Misconfigured, ReleaseError, Unavailable

# Tried line by line, in this order: a remote that says no is in reach.
_REFUSED = re.compile(
    r"authentication failed|could not read (username|password)|terminal prompts disabled|permission denied"
    r"|permission to \S+ denied|access denied|access rights? denied|unauthorized|forbidden|not authorized"
    r"|returned error: 40[134]|repository .*not found|host key verification failed|invalid username or"
    r"|certificate problem|certificate verification failed|dubious ownership",
    re.IGNORECASE,
)
_OUT_OF_REACH = re.compile(
    r"could not resolve|connection (refused|reset|timed out|closed)|timed? ?out|unreachable|no route to host"
    r"|hung up|early eof|failed to connect|couldn't connect|unable to access|unexpected disconnect|rpc failed"
    r"|could not read from remote|does not appear to be a git repository|promisor remote"
    r"|returned error: 5\d\d|broken pipe|network|unable to look up",
    re.IGNORECASE,
)
_BUSY = re.compile(r"\.lock': File exists|another git process", re.IGNORECASE)
# fetch --no-write-fetch-head is of git 2.29, rev-list --no-commit-header of 2.33.
_TOO_OLD = re.compile(r"unknown (option|switch)|unrecognized argument|invalid option", re.IGNORECASE)
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"]+@")
_TOKEN = re.compile(
    r"((?:token|password|secret|authorization)[=:] *)[^&\s'\"]+(?: [A-Za-z0-9+/=_-]{8,})?", re.I
)
_SAYS = re.compile(r"^(remote: )?(fatal|error): ", re.IGNORECASE)


def redacted(text: str) -> str:
    """Without what a URL or a header would give away."""
    return _TOKEN.sub(r"\1***", _USERINFO.sub(r"\1***@", text))


def lines(err: str) -> list[str]:
    """Lines of standard error that say something, without secrets."""
    stripped = (line.strip() for line in redacted(err).splitlines())
    return [line for line in stripped if line and line != "remote:"]


def telling(err: str) -> str:
    """The line that says what went wrong."""
    said = lines(err)
    for shape in (_TOO_OLD, _REFUSED, _OUT_OF_REACH, _BUSY, _SAYS):
        if found := next((line for line in said if shape.search(line)), None):
            return found
    return said[-1] if said else "git said nothing"


def failure(doing: str, err: str, *, fix: str | None = None) -> ReleaseError:
    """The error for a command that failed: Unavailable when trying again may help, else Misconfigured.

    `doing` begins the cause; `fix` is for the case that nothing better is known.
    """
    line = telling(err)
    cause = f"{doing}: {line}"
    details = [other for other in lines(err) if other != line][:5]
    if owned := re.search("dubious ownership in repository at (.+)", line):
        fix = f"if you trust it: git config --global --add safe.directory {owned[1]}"
        return Misconfigured(cause, fix=fix)
    if _TOO_OLD.search(line):
        return Misconfigured(cause, fix="this git is too old: install git 2.33 or newer")
    if _REFUSED.search(line):
        return Misconfigured(
            cause, fix="check the remote's URL and the credentials that git uses for it", details=details
        )
    if _OUT_OF_REACH.search(line):
        return Unavailable(
            cause,
            fix="check the network and the remote's URL, then run the same command again",
            details=details,
        )
    if _BUSY.search(line):
        return Unavailable(cause, fix="wait for the other git process, then run it again", details=details)
    return Misconfigured(cause, fix=fix or "see what git says; `git fsck` checks the clone", details=details)
