"""Names of release tags: prefix, three numbers, and `-qa.N`, `-rc.N` or nothing. Anything else is foreign."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from release.core import collector
from release.core.conventional import Bump
from release.core.models import Channel

# Written out and matched whole: `\d` takes digits of every script, `match` with `$` a newline at the end.
# Nine digits keep a hostile tag from making numbers that nobody else's parser can hold.
_NUMBER = "(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-(qa|rc)\.([1-9][0-9]{{0,8}}))?")
LARGEST = 999_999_999

_RANK = {"qa": 0, "rc": 1, "gold": 2}  # semver orders identifiers as text, and a version without one last


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """The three numbers that the tags on the way to one gold share."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def bumped(self, bump: Bump) -> "Line":
        if bump is Bump.MAJOR:
            return Line(self.major + 1, 0, 0)
        if bump is Bump.MINOR:
            return Line(self.major, self.minor + 1, 0)
        return Line(self.major, self.minor, self.patch + 1)


@dataclass(frozen=True, slots=True)
class Version:
    """Semver of a release, ordered by its precedence (https://semver.org/#spec-item-11)."""

    major: int
    minor: int
    patch: int
    channel: Channel
    counter: int | None  # None on gold, and only there

    @property
    def line(self) -> Line:
        return Line(self.major, self.minor, self.patch)

    @property
    def precedence(self) -> tuple[int, int, int, int, int]:
        return self.major, self.minor, self.patch, _RANK[self.channel], self.counter or 0

    def __lt__(self, other: "Version") -> bool:
        return self.precedence < other.precedence

    def __le__(self, other: "Version") -> bool:
        return self.precedence <= other.precedence

    def __gt__(self, other: "Version") -> bool:
        return self.precedence > other.precedence

    def __ge__(self, other: "Version") -> bool:
        return self.precedence >= other.precedence

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return core if self.counter is None else f"{core}-{self.channel}.{self.counter}"


def on_line(line: Line, channel: Literal["qa", "rc"], counter: int) -> Version:
    return Version(line.major, line.minor, line.patch, channel, counter)


def gold_of(line: Line) -> Version:
    return Version(line.major, line.minor, line.patch, "gold", None)


def parse(tag_name: str, prefix: str) -> Version | None:
    """The version that a tag of this pipeline names. None: the tag is foreign."""
    if not tag_name.startswith(prefix):
        return None
    shape = _VERSION.fullmatch(tag_name, len(prefix))
    if shape is None:
        return None
    major, minor, patch, channel, counter = shape.groups()
    if channel is None:
        return Version(int(major), int(minor), int(patch), "gold", None)
    return Version(int(major), int(minor), int(patch), "qa" if channel == "qa" else "rc", int(counter))


@dataclass(frozen=True, slots=True)
class Tag:
    """A release tag as the remote has it."""

    name: str
    version: Version
    object: str  # the tag object, or the commit for a lightweight tag
    commit: str


@dataclass(frozen=True, slots=True)
class StageRuns:
    """What a stage runs by the ledger, with outcome succeeded."""

    tag: str | None  # None: a stage without tags
    version: Version | None
    commit: str
    manifest: str  # digest


@dataclass(frozen=True, slots=True)
class KnownTag:
    """A release tag as the ledger recorded it when it was made."""

    object: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What must be known to name the next release of a stage."""

    prefix: str  # of the pipeline's tags: "v", or "payments/v"
    stage: str
    tags: Sequence[Tag]  # all of the pipeline's on the remote
    manifests: Mapping[str, str] = field(default_factory=dict)  # tag name -> digest that its trailers state
    known: Mapping[str, KnownTag] = field(default_factory=dict)  # tag name -> what the ledger recorded
    quarantined: Mapping[str, str] = field(default_factory=dict)  # tag name or commit -> reason
    after: str | None = None  # the stage before; None: this one is the first
    source: StageRuns | None = None  # what the stage before runs
    runs: StageRuns | None = None  # what this stage runs
    keeps_running: bool = True  # the commit is, or descends from, the one that this stage runs
    new: bool = False  # mint another counter for the same commit and manifest
    allow_older: bool = False


def read_tags(refs: Iterable[tuple[str, str, str]], prefix: str) -> Sequence[Tag]:
    """The tags of one pipeline among (name, object, commit) of all; foreign ones are left out."""
    with collector.at_rest():
        return [
            Tag(name, version, object_id, commit)
            for name, object_id, commit in refs
            if (version := parse(name, prefix)) is not None
        ]


def highest_gold(tags: Iterable[Tag], reachable: frozenset[str]) -> Tag | None:
    """The gold that a bump starts from: the highest among those reachable from the commit."""
    golds = [tag for tag in tags if tag.version.channel == "gold" and tag.name in reachable]
    return max(golds, key=lambda tag: tag.version.precedence, default=None)
