"""What GitHub says no to, as errors: cause in its words, and what to change."""

from typing import Any

import httpx

from release.adapters.github.credentials import Home
from release.errors import Conflict, Misconfigured, ReleaseError


def refusal(
    answer: httpx.Response, words: str, doing: str, permission: str, source: str, home: Home
) -> ReleaseError:
    """The error for an answer of 3xx or 4xx that no rate limit explains. `words`: what it says of it."""
    status = answer.status_code
    said = f"{doing}: {words}" if words else doing
    match status:
        case 401:
            cause = (
                "GitHub wants a token"
                if source == "nowhere"
                else f"GitHub does not take the token of {source}"
            )
            return Misconfigured(
                f"{cause} ({said})",
                fix=f"set GH_TOKEN to a token with the permission `{permission}`, or: gh auth login",
            )
        case 403:
            # What a token lacks, GitHub itself says where it knows:
            # https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
            needed = answer.headers.get("x-accepted-github-permissions", "").replace("=", ": ") or permission
            return Misconfigured(
                f"GitHub refuses the token of {source} ({said})",
                fix=f"give the token the permission `{needed}`; in a workflow, by `permissions:` of the job",
                see="https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps",
            )
        case 404:
            return Misconfigured(
                f"GitHub shows nothing there in {home.repository} ({said})",
                fix=f"look at the name, and whether the token of {source} may see it ({permission}): "
                "what it may not see, GitHub calls not found",
            )
        case 409:
            return Conflict(f"GitHub is busy with the same thing ({said})", fix="run the same command again")
        case 422:
            if _is_there_already(answer):
                return Conflict(
                    f"it is there already ({said})", fix="run the same command again: it looks first"
                )
            return Misconfigured(
                f"GitHub does not take it ({said})",
                fix="change what it names, then run the same command again",
            )
        case _ if 300 <= status < 400:
            return Misconfigured(
                f"GitHub has moved {home.repository} ({said})",
                fix="set the remote's address, or GITHUB_REPOSITORY, to its new name",
            )
        case _:
            return Misconfigured(f"GitHub answers {status} ({said})", fix="run the same command again")


def words_of(answer: httpx.Response) -> str:
    """What GitHub says of an error: its message, and of each error what is wrong with what."""
    body = _body(answer)
    parts = [str(body.get("message", ""))]
    for error in body.get("errors") or ():
        if isinstance(error, dict):
            told = error.get("message") or " ".join(
                str(error[key]) for key in ("field", "code") if key in error
            )
            parts.append(str(told))
        else:
            parts.append(str(error))
    return "; ".join(part for part in parts if part)


def _is_there_already(answer: httpx.Response) -> bool:
    errors = _body(answer).get("errors") or ()
    return any(isinstance(one, dict) and one.get("code") == "already_exists" for one in errors)


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
