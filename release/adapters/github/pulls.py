"""https://docs.github.com/en/rest/pulls/pulls, and comments, which are those of issues."""

from collections.abc import Sequence
from typing import Any, Final

from release.adapters.github.client import Client, Need
from release.adapters.github.fields import number, table, text
from release.core.forge.facts import CommentFacts, PullFacts
from release.errors import Misconfigured

_READ: Final = Need("reading pull requests", "pull-requests: read")
_WRITE: Final = Need("commenting on a pull request", "pull-requests: write")


class GitHubPulls:
    def __init__(self, client: Client) -> None:
        self._client = client

    def pull(self, number: int) -> PullFacts | None:
        found = self._client.get_or_none(f"pulls/{number}", _READ)
        return None if found is None else _pull(found)

    def of_commit(self, commit: str) -> Sequence[PullFacts]:
        try:
            return [_pull(item) for item in self._client.pages(f"commits/{commit}/pulls", _READ)]
        except Misconfigured as error:
            # 422 "No commit found for SHA": one that was never pushed there
            if "No commit found" in error.cause:
                return []
            raise

    def comments(self, number: int) -> Sequence[CommentFacts]:
        return [_comment(item) for item in self._client.pages(f"issues/{number}/comments", _READ)]

    def create_comment(self, number: int, body: str) -> None:
        self._client.write("POST", f"issues/{number}/comments", _WRITE, {"body": body})

    def update_comment(self, comment: int, body: str) -> None:
        self._client.write("PATCH", f"issues/comments/{comment}", _WRITE, {"body": body})


def _pull(item: Any) -> PullFacts:
    return PullFacts(number=number(item, "number"), merged=bool(text(item, "merged_at")))


def _comment(item: Any) -> CommentFacts:
    user = table(item).get("user")
    return CommentFacts(
        id=number(item, "id"),
        author=text(user, "login"),
        by_app=text(user, "type") == "Bot",
        body=text(item, "body"),
    )
