"""Where a change is: one comment on its pull request, brought up to date in place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from release.core.audit import pull_requests
from release.core.forge.facts import CommentFacts
from release.core.markdown import plain
from release.core.records import Good


def marker_of(name: str) -> str:
    """The hidden first line of a comment, by which it is found again."""
    return f"<!-- lambda-release: {name} -->"


MARKER: Final = marker_of("where this change is")
MOST_PULLS: Final = 25  # of one promotion: each costs two calls or three
MOST_LOOKUPS: Final = 25  # commits whose subject names no pull request, and which GitHub is asked about


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage, and the release by which it got a change. `good` None: it does not run it."""

    name: str  # of its GitHub environment
    good: Good | None


@dataclass(frozen=True, slots=True)
class CreateComment:
    pull: int
    body: str

    @property
    def text(self) -> str:
        return f"say in #{self.pull} where it is"


@dataclass(frozen=True, slots=True)
class UpdateComment:
    pull: int
    comment: int
    body: str

    @property
    def text(self) -> str:
        return f"bring the comment in #{self.pull} up to date"


@dataclass(frozen=True, slots=True)
class Change:
    """A pull request, and its newest commit among those that a promotion moved."""

    number: int
    commit: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Which pull requests a promotion moved, as far as the subjects of its commits say it."""

    named: tuple[Change, ...]  # newest first, MOST_PULLS at most
    unnamed: tuple[str, ...]  # commits to ask GitHub about, MOST_LOOKUPS at most
    left_out: int  # pull requests, and commits that nobody is asked about


def changes(commits: Sequence[tuple[str, str]]) -> Changes:
    """From (id, subject), newest first."""
    named: dict[int, str] = {}
    unnamed: list[str] = []
    for id, subject in commits:
        numbers = pull_requests([subject])
        for number in numbers:
            named.setdefault(number, id)
        if not numbers:
            unnamed.append(id)
    found = tuple(Change(number, id) for number, id in named.items())
    left_out = max(0, len(found) - MOST_PULLS) + max(0, len(unnamed) - MOST_LOOKUPS)
    return Changes(found[:MOST_PULLS], tuple(unnamed[:MOST_LOOKUPS]), left_out)


def comment_body(rows: Iterable[StageRow], repository: str) -> str:
    """`repository`: its address on GitHub, for links."""
    lines = [MARKER, "### Where this change is", "", "| stage | release | since | by |", "|---|---|---|---|"]
    for row in rows:
        good = row.good
        if good is None:
            lines.append(f"| {plain(row.name)} | - | | |")
            continue
        tag, commit = good.release.tag, good.release.commit
        link = f"{repository}/tree/{tag}" if tag else f"{repository}/commit/{commit}"
        since = f"{good.at[:10]} {good.at[11:16]} UTC"
        lines.append(
            f"| {plain(row.name)} | [{plain(good.release.label)}]({link}) | {since} | {plain(good.actor)} |"
        )
    return "\n".join(lines) + "\n"


def comment_step(
    pull: int, body: str, comments: Sequence[CommentFacts], login: str | None, *, marker: str = MARKER
) -> CreateComment | UpdateComment | None:
    """None: it says so already.

    Ours is the first that bears the marker and that no other person can have written: an app's, or that of
    `login`, to whom the token belongs.
    """
    ours = [one for one in comments if one.body.startswith(marker) and (one.by_app or one.author == login)]
    if not ours:
        return CreateComment(pull, body)
    first = min(ours, key=lambda one: one.id)
    # GitHub gives back what was sent with other line ends, at times without the last one.
    if first.body.replace("\r\n", "\n").rstrip() == body.rstrip():
        return None
    return UpdateComment(pull, first.id, body)


def rows_of(stages: Sequence[tuple[str, Mapping[str, Good]]], commit: str) -> tuple[StageRow, ...]:
    """`stages`: (name, commit -> the release by which the stage got it), in the order of the pipelines."""
    return tuple(StageRow(name, arrivals.get(commit)) for name, arrivals in stages)
