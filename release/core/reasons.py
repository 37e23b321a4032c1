"""Reasons are kept for ever and shown to many: they are bounded, and must not carry a secret."""

import re

from release.core.records import REASON_LIMIT

# Shapes that the issuers document; a match is near certain to be a credential.
_SECRETS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+",
    "a password": r"(?i)\b(?:password|passwd|pwd|secret|token|api[_-]?key)\s*[=:]\s*\S{6,}",
    "credentials in a URL": r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@",
    # not left-pad@1.3.0, a package of npm
    "an e-mail address": r"\b[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b",
}

# Logs, summaries and messages show a reason among their own lines: it may neither begin one (in GitHub
# Actions a line may be a command to the runner), nor move a cursor, nor turn the text's direction around.
_BREAKS_LINES = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def redacted(text: str) -> str:
    """One bounded line for the record, without what looks like a secret or an address."""
    line = " ".join(text.split())
    for what, shape in _SECRETS.items():
        line = re.sub(shape, f"[{what}]", line)
    return line if len(line) <= REASON_LIMIT else line[: REASON_LIMIT - 1] + "…"


def shown(line: str) -> str:
    """A line of a program's output that may be shown: without colours, control characters and secrets.

    What stands below a certain column stays there.
    """
    plain = _COLOURS.sub("", line)
    plain = "".join(character if character.isprintable() else " " for character in plain).rstrip()
    return plain[: len(plain) - len(plain.lstrip())] + redacted(plain)


def objection(reason: str) -> str | None:
    """Why this reason cannot be recorded. None: it can."""
    if not reason.strip():
        return "the reason is empty"
    if len(reason) > REASON_LIMIT:
        return f"the reason has {len(reason)} characters; {REASON_LIMIT} is the limit"
    if _BREAKS_LINES.search(reason):
        return "the reason has a line break or another control character"
    return next(
        (f"the reason seems to hold {what}" for what, shape in _SECRETS.items() if re.search(shape, reason)),
        None,
    )
