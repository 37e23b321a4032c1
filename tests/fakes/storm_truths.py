"""What must hold after a run of the tool, and at the end when everything is healthy again."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from release.apply import Applied
from release.apply.work import LostHold
from release.core.records import Served
from release.errors import ExitCode, ReleaseError
from tests.fakes.faults import Process
from tests.fakes.storm_ground import Ground
from tests.fakes.witness import Where
from tests.fakes.world import ALIAS


@dataclass(frozen=True)
class Command:
    """`to`: a tag; None: `rollback` chooses, `advance` has no choice. `region`: break-glass, only there."""

    verb: str
    to: str | None = None
    region: str | None = None
    without_ledger: bool = False

    def __str__(self) -> str:
        words = [self.verb, self.to, self.region, "without ledger" if self.without_ledger else None]
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class Ended:
    """How one run of the tool ended. `exit` None: it was killed."""

    command: Command
    process: Process
    exit: ExitCode | None
    applied: Applied | None = None
    error: ReleaseError | None = None
    before: Mapping[Where, str | None] | None = None  # what its plan goes back to
    changing: frozenset[Where] = frozenset()  # what its plan moves
    at_once: frozenset[Where] = (
        frozenset()
    )  # of these, what does not bake: it has the release's bytes already
    found: Mapping[Where, str | None] | None = None  # how the aliases were when it began


class Truths:
    """Holds how a run ended against the world; what is not so becomes a violation."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._world, self._witness = ground, ground.world, ground.witness

    def now(self, ended: Ended) -> None:
        """The exit code says what state the world is in, at the moment when it is given."""
        match ended.exit:
            case ExitCode.DONE if ended.applied is not None:
                self._all_new(ended)
            case ExitCode.ROLLED_BACK:
                self._all_back(ended)
            case ExitCode.STRANDED:
                self._report_is_true(ended)
            case ExitCode.UNDER_WAY if ended.applied is not None and ended.applied.paused is not None:
                self._bakes(ended)
            case ExitCode.MISCONFIGURED | ExitCode.CLOSED | ExitCode.TRY_AGAIN:
                if self._witness.wrote_aliases(ended.process) and not isinstance(ended.error, LostHold):
                    self._wrong(ended, "says that nothing was changed, and moved aliases")
            case _:
                pass

    def _all_new(self, ended: Ended) -> None:
        release = ended.applied.event.release if ended.applied else None
        label = release.tag if release else None
        regions = ended.applied.event.regions if ended.applied else None
        for (place, name), serves in self._ground.serving().items():
            if regions is not None and place.region not in regions:
                continue
            if serves != label and not self._witness.unseen((place, name)):
                self._wrong(ended, f"says done, and {name} in {place} serves {serves}")

    def _all_back(self, ended: Ended) -> None:
        for (place, name), before in (ended.before or {}).items():
            now = self._ground.version(place, name)
            left_alone = now == (ended.found or {}).get((place, name), before)
            if now != before and not left_alone and (place, name) not in self._witness.foreign:
                self._wrong(ended, f"says that all is back, and {name} in {place} is at {now}, not {before}")

    def _bakes(self, ended: Ended) -> None:
        """The share of the traffic that is on record is where it says, and nothing has moved elsewhere."""
        running = self._world.head.running
        if running is None or running.wave is None:
            return
        share, regions = running.wave.percent / 100, [place.region for place in self._world.places]
        done = regions[: regions.index(running.wave.region)]
        for (place, name), before in (ended.before or {}).items():
            facts = self._world.functions.alias_of(place, name, ALIAS)
            if (place, name) not in ended.changing or (place, name) in self._witness.foreign:
                continue
            if facts is None or place.region in done or (place, name) in ended.at_once:
                continue
            shares = list(facts.weights.values())
            wanted = [share] if place.region == running.wave.region else []
            if (facts.lambda_version, shares) != (before, wanted):
                self._wrong(ended, f"bakes {share:.0%}, and {name} in {place} is at {facts.serving}")

    def _report_is_true(self, ended: Ended) -> None:
        assert ended.applied is not None
        report = ended.applied.event.report
        for (place, name), before in (ended.before or {}).items():
            now = self._ground.version(place, name)
            lines = [line for line in report if line.startswith(f"{name} in {place.region}: ")]
            foreign = (place, name) in self._witness.foreign
            if now != before and not lines and not foreign:
                self._wrong(ended, f"reports {report}, not that {name} in {place} is at {now}")
            for line in lines:
                said = re.search(rf"{ALIAS} (?:is|stays) at (?:version )?(\w+)", line)
                if said and said[1] != (now or "nothing").split(" ")[0]:
                    self._wrong(ended, f"reports {line!r}, and it is at {now}")

    def at_the_end(self, last: Ended, *, excused: bool = False) -> None:
        """The world is healthy, and the last command was run once more."""
        world, head, verb, tag = self._world, self._world.head, last.command.verb, last.command.to
        about = last.applied.event.release if last.applied else None
        ill = self._ground.illness is not None and (
            verb == "rollback" or self._ground.illness.tag in (tag, about and about.tag)
        )
        if head.running is not None:
            self._wrong(last, f"left {head.running.id} at work")
        closed = verb == "rollback" and last.exit == ExitCode.CLOSED
        if last.exit != ExitCode.DONE and not (ill or excused or closed):
            self._wrong(last, f"failed in a healthy world: {last.error or last.applied}")
        if last.exit == ExitCode.DONE and verb == "promote" and not world.all_serve(tag):
            self._wrong(last, f"ended with {world.aliases}")
        if last.exit == ExitCode.DONE and verb == "promote" and self._must_fail(tag):
            self._wrong(last, "took a release that is ill")
        serving = set(world.aliases.values())
        if last.exit == ExitCode.DONE and verb != "advance" and head.partial is not None:
            self._wrong(last, f"left {', '.join(head.partial.regions)} ahead of the others")
        one_piece = head.stranded is None and head.partial is None
        if len(serving) > 1 and one_piece and not self._witness.aliases_by_hand:
            self._wrong(last, f"ended half-way: {world.aliases}")
        if last.exit == ExitCode.DONE or not (head.stranded or self._witness.aliases_by_hand):
            self._ledger_agrees(last)
        ends = Counter(event.id for event in world.ledger.log if event.kind == "outcome")
        for promotion, count in ends.items():
            if count > 1:
                self._wrong(last, f"{promotion} ended {count} times")

    def _must_fail(self, tag: str | None) -> bool:
        """Whether this release answers no wherever it is asked, so that nobody can have taken it for good."""
        ill = self._ground.illness
        if ill is None or ill.tag != tag or ill.at_times or self._witness.aliases_by_hand:
            return False
        rollout = self._ground.shape.rollout
        # Where we may ask ourselves, we ask what smoke tests ask, and that goes well.
        watched = rollout is not None and not rollout.probe
        return ill.region is None and (ill.calls is None or watched)

    def _ledger_agrees(self, last: Ended) -> None:
        world, head = self._world, self._world.head
        recorded: Sequence[Served] = ()
        newest = head.partial or head.serves
        if newest is not None:
            recorded = world.ledger.event(world.ledger.read(), newest.record).after
        says = {(self._ground.place(one), one.function): one.code for one in recorded}
        for (place, name), _ in self._ground.serving().items():
            facts = world.functions.alias_of(place, name, ALIAS)
            code = world.functions.code(place, name, facts.lambda_version) if facts else None
            if code != says.get((place, name)):
                self._wrong(last, f"and the ledger says other code of {name} in {place} than it serves")
            if facts and facts.weights:
                self._wrong(last, f"left weights on {name} in {place}")
            if facts and (place, name, facts.lambda_version) not in self._witness.proven:
                self._wrong(last, f"{name} in {place} serves a version that proved nothing")

    def _wrong(self, ended: Ended, what: str) -> None:
        code = "killed" if ended.exit is None else f"exit {int(ended.exit)}"
        self._witness.violations.append(f"{ended.command} ({code}) {what}")
