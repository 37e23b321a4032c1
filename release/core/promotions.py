"""A promotion as a whole, put together from its events: who, what, when, and what it changed where. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from release.core.records import Event, Good, Judged, ReleaseRef, Served, Wave, moment


@dataclass(frozen=True, slots=True)
class Written:
    """An event, and the commit of the ledger that added it."""

    event: Event
    commit: str


@dataclass(frozen=True, slots=True)
class Moved:
    """One function in one place, before a promotion and after it. None: it is not recorded."""

    service: str
    function: str
    account: str
    region: str
    before: Served | None
    after: Served | None

    @property
    def changed(self) -> bool | None:
        """Whether it serves something else now. None: the promotion did not succeed, so nothing is left."""
        if self.after is None:
            return None
        return (self.before.lambda_version if self.before else None) != self.after.lambda_version


@dataclass(frozen=True, slots=True)
class Promotion:
    """All events of one id, in the order of the ledger; the first is its start."""

    events: tuple[Written, ...]
    served_before: Good | None = None  # what the stage served when it began
    superseded_by: str | None = None  # the promotion that ended this one, whose holder had died

    @property
    def start(self) -> Event:
        return self.events[0].event

    @property
    def release(self) -> ReleaseRef:
        release = self.start.release
        if release is None:
            raise ValueError(f"{self.start.path} starts no release")
        return release

    @property
    def outcome(self) -> Written | None:
        """None: it is under way, or was ended by the one that supersedes it."""
        return next((one for one in self.events if one.event.kind == "outcome"), None)

    @property
    def duration(self) -> timedelta | None:
        ended = self.outcome
        return moment(ended.event.at) - moment(self.start.at) if ended else None

    @property
    def waves(self) -> tuple[Wave, ...]:
        """In the order in which traffic moved. What two records say, as of a holder that was interrupted
        while it wrote, is told once.
        """
        # What a record says of regions before its own wave comes first, also within the same second.
        told = [wave for one in self.events for wave in (*one.event.moved, one.event.wave) if wave]
        return tuple(sorted(dict.fromkeys(told), key=lambda wave: wave.since))

    @property
    def judged(self) -> tuple[tuple[str, Judged], ...]:
        """What was seen of health, each with the time of its event; the same sight is not told twice."""
        found: dict[Judged, str] = {}
        for one in self.events:
            for judged in one.event.judged:
                found.setdefault(judged, one.event.at)
        return tuple((at, judged) for judged, at in found.items())

    @property
    def functions(self) -> tuple[Moved, ...]:
        """Every function that it is recorded to have looked at, sorted by service, function and region."""
        before: dict[tuple[str, str, str], Served] = {}
        for one in self.events:
            # Who takes over records what the first holder found, not what that one has left half-way.
            before |= {served.where: served for served in one.event.before if served.where not in before}
        ended = self.outcome
        after = {served.where: served for served in ended.event.after} if ended else {}
        found = []
        for where in before.keys() | after.keys():
            known = after.get(where) or before[where]
            # What it left alone is in the outcome only: it was so before.
            was = before.get(where) or after[where]
            found.append(
                Moved(known.service, known.function, known.account, known.region, was, after.get(where))
            )
        return tuple(sorted(found, key=lambda one: (one.service, one.function, one.account, one.region)))


def promotions(
    written: Iterable[tuple[Written, Good | None]],
) -> Iterator[Promotion]:
    """Promotions in the order in which they ended, then those that have not, in the order of their start.

    `written`: every event with what its stage served then, in the order of the ledger. Events of what began
    before the first one are left out.
    """
    begun: dict[str, Promotion] = {}
    for one, serves in written:
        event = one.event
        if event.kind == "started":
            for dead in event.supersedes:
                if dead in begun:
                    yield replace(begun.pop(dead), superseded_by=event.id)
            begun[event.id] = Promotion((one,), serves)
        elif event.id in begun:
            known = begun[event.id]
            begun[event.id] = replace(known, events=(*known.events, one))
            if event.kind == "outcome":
                yield begun.pop(event.id)
    yield from begun.values()


def approvals(written: Iterable[Written], release: ReleaseRef, *, pipeline: str) -> Sequence[Event]:
    """Who signed this release off, in any stage of its pipeline, in order."""
    return [
        one.event
        for one in written
        if one.event.kind == "accept"
        and one.event.pipeline == pipeline
        and one.event.release is not None
        and (one.event.release.commit, one.event.release.manifest) == (release.commit, release.manifest)
    ]


def chosen(found: Sequence[Promotion], stage: str, id: str | None) -> Promotion | None:
    """Of the promotions of one release, the one that an auditor means: that of this id, else the first that
    succeeded in the stage, else the last one there.

    The first, so that the answer does not change when the release is promoted or rolled back to again.
    """
    there = [one for one in found if one.start.stage == stage]
    if id is not None:
        return next((one for one in there if one.start.id == id), None)
    good = (one for one in there if one.outcome is not None and one.outcome.event.outcome == "succeeded")
    return next(good, there[-1] if there else None)


def outcome_word(promotion: Promotion) -> str:
    ended = promotion.outcome
    if ended is not None:
        return ended.event.outcome or "ended"
    return "superseded" if promotion.superseded_by else "no outcome"


def took_over(promotion: Promotion) -> Sequence[Mapping[str, str | None]]:
    """Who went on with it after the first holder."""
    return [
        {"at": one.event.at, "actor": one.event.actor, "run": one.event.run}
        for one in promotion.events
        if one.event.kind == "taken-over"
    ]
