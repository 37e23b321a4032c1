"""Traffic moves wave by wave; what bakes is watched, and nothing goes on without a pass."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, assert_never

from release.apply.record import event, write
from release.apply.steps import carry_out, confirm, probe
from release.apply.work import UNDO, Paused, Work
from release.core import alarms
from release.core.actions import Action, ShiftAlias
from release.core.analysis import (
    Counts,
    Fail,
    Inconclusive,
    Limits,
    Pass,
    Verdict,
    judge,
    shortest_window,
    together,
)
from release.core.limits import BAKE_EXTENSIONS
from release.core.models import Gradual, Place
from release.core.plan import Phase, Step, Wave
from release.core.records import Judged, moment, next_by, restores, stamp
from release.core.records import Wave as Recorded
from release.errors import Misconfigured, RolloutFailed, Unavailable
from release.ports import Compared

_LOOK_SECONDS: Final = 15.0  # how often is looked; a bake so short that this would be seldom, more often
_LOOKS: Final = 20  # at least in one bake


def move_traffic(work: Work) -> None:
    """Every wave that is left. Raises RolloutFailed when one fails, Paused when its verdict is far away."""
    for wave in work.plan.waves[_reached(work) :]:
        steps = work.plan.in_wave(wave)
        _may_move(work, wave, steps)
        carry_out(work, Phase.SHIFT, steps, wave.region)
        if wave.rollout is not None and wave.region is not None:
            since = _since(work, wave, moved=bool(steps))
            Bake(work, wave, wave.rollout, since).watch()
        else:
            at = stamp(work.tools.clock.now())
            # What somebody before us had moved, and has not written: since when, nobody knows.
            regions = sorted({step.action.place.region for step in steps if _has_moved(work, step.action)})
            work.journal.arrived += [Recorded(region, wave.percent, at) for region in regions]
            confirm(work, wave.region)
            carry_out(work, Phase.ATTACH, work.plan.in_phase(Phase.ATTACH, wave.region), wave.region)


def _may_move(work: Work, wave: Wave, steps: Sequence[Step]) -> None:
    """Raises Paused where our credentials end before an undo could. What restores goes as far as it gets."""
    if restores(work.plan.verb):
        return
    now = work.tools.clock.now()
    for place in sorted({step.action.place for step in steps}, key=str):
        ends = work.tools.functions.credentials_end(place)
        if ends is not None and now + UNDO > ends:
            raise Paused(
                f"{wave.percent} % are to move in {place.region}, and these credentials end"
                " before an undo could",
                now,
            )


def _has_moved(work: Work, action: Action) -> bool:
    """Whether carrying it out has moved traffic: what is done already is done again by whoever takes over."""
    if not isinstance(action, ShiftAlias):
        return True
    return action.reached < 100 or action.before != work.journal.versions[action.place, action.function]


def _reached(work: Work) -> int:
    """Which wave is on record: those before it have passed."""
    recorded = work.journal.wave
    if recorded is None:
        return 0
    known = [(wave.region, wave.percent) for wave in work.plan.waves]
    here = (recorded.region, recorded.percent)
    return known.index(here) if here in known else 0


def _since(work: Work, wave: Wave, *, moved: bool) -> datetime:
    """When the bake has begun: by the record, or now, and then it is recorded."""
    recorded = work.journal.wave
    here = (wave.region, wave.percent)
    if not moved and recorded is not None and (recorded.region, recorded.percent) == here:
        return moment(recorded.since)
    now = work.tools.clock.now()
    begun = Recorded(wave.region or "", wave.percent, stamp(now))
    longest = _bake(work, wave) * (BAKE_EXTENSIONS + 1) + work.plan.longest_hooks
    judged, arrived = work.journal.judged, tuple(work.journal.arrived)
    until = next_by(now, longest)
    write(work, event(work, "shifted", wave=begun, judged=judged, moved=arrived, next_by=until))
    work.journal.wave = begun
    work.journal.arrived.clear()  # not before: what was not written is for the next record to say
    return moment(begun.since)


def _bake(work: Work, wave: Wave) -> timedelta:
    """How long the wave bakes: as configured, but never too short to see a call that times out."""
    timeouts = [
        int(work.settings(step.action.service).values.get("timeout", 0))
        for step in work.plan.in_phase(Phase.SHIFT, wave.region)
        if isinstance(step.action, ShiftAlias)
    ]
    shortest = shortest_window(timedelta(seconds=max(timeouts, default=0)), work.tools.metrics.lag())
    return max(wave.rollout.bake if wave.rollout else timedelta(), shortest)


@dataclass(slots=True)
class Bake:
    """One wave while it bakes."""

    work: Work
    wave: Wave
    rollout: Gradual
    since: datetime
    probed: dict[str, tuple[Counts, Counts]] = field(default_factory=dict)  # by function: answers to us alone

    def watch(self) -> None:
        """Look until there is a verdict that counts. Raises RolloutFailed, Paused, Aborted, LostHold."""
        clock, length = self.work.tools.clock, _bake(self.work, self.wave)
        decision = self.since + length
        last = self.since + length * (BAKE_EXTENSIONS + 1)
        pause = min(_LOOK_SECONDS, max(length.total_seconds() / _LOOKS, 0.1))
        self._say("bake", until=decision)
        while True:
            self.work.check_hold()
            verdict, now = self._look_or_hand_over(), clock.now()
            match verdict:
                case Fail(reason):
                    raise self.failed(reason)
                case Pass(reason):
                    if now >= decision:
                        self._say("verdict", verdict="pass", reason=reason)
                        return
                case Inconclusive(reason):
                    if now >= decision:
                        decision = self._extend(reason, now, length, last)
                case _:  # pragma: no cover
                    assert_never(verdict)
            self._may_wait(decision)
            clock.sleep(min(pause, max((decision - now).total_seconds(), 0.1)))

    def _look_or_hand_over(self) -> Verdict:
        """Raises Paused where these credentials are of no use any more: an undo would fail as well, and
        nothing says that the release is bad. Raises Misconfigured where they are, but for measurements.
        """
        try:
            return self.look()
        except Misconfigured as error:
            move, alias = self.moves[0], self.work.plan.alias
            try:
                self.work.tools.functions.alias(move.place, move.function, alias)
            except Misconfigured:
                what = f"{self.wave.percent} % in {self.wave.region} bakes, and cannot be watched"
                raise Paused(f"{what}: {error.cause}", self.work.tools.clock.now()) from error
            except Unavailable:
                pass
            raise

    def _extend(self, reason: str, now: datetime, length: timedelta, last: datetime) -> datetime:
        """When to decide next. Raises Paused when there was time enough: without a verdict nothing passes."""
        if self.rollout.probe and not self.probed:
            self._probe()
            return now
        if now >= last:
            raise Paused(f"no verdict on {self.wave.percent} % in {self.wave.region}: {reason}", None)
        self._say("extend", reason=reason)
        return min(now + length, last)

    def _may_wait(self, decision: datetime) -> None:
        """Raises Paused when the decision lies too far away, or our credentials end before an undo could."""
        if decision > self.work.wait_until:
            raise Paused(f"{self.wave.percent} % in {self.wave.region} bakes", decision)
        ends = self.work.tools.functions.credentials_end(self._place)
        if ends is not None and decision + UNDO > ends:
            raise Paused(
                f"{self.wave.percent} % in {self.wave.region} bakes, and these credentials end before that",
                decision,
            )

    def failed(self, reason: str) -> RolloutFailed:
        return RolloutFailed(
            f"{self.wave.percent} % of the traffic in {self.wave.region} failed: {reason}",
            fix="mend the service and merge; `release audit show` has the numbers",
        )

    def look(self) -> Verdict:
        try:
            verdicts = (self._judge(), self._alarms())
        except Unavailable as error:
            return Inconclusive(f"what was measured cannot be read: {error.cause}")
        return min(verdicts, key=lambda verdict: (Fail, Inconclusive, Pass).index(type(verdict)))

    def _alarms(self) -> Verdict:
        if self.work.plan.despite is not None:
            return Pass("alarms do not count")
        names = alarms.names(self.rollout.alarms, self.wave.baking)
        return alarms.judge_alarms(names, self.work.tools.metrics.alarms(self._place, names) if names else {})

    def _judge(self) -> Verdict:
        work = self.work
        compared = [
            Compared(move.function, move.alias, stable=move.before, canary=new)
            for move in self.moves
            if (new := work.journal.versions[move.place, move.function]) != move.before
        ]
        if not compared:
            return Pass("what serves is what is to serve")
        until = work.tools.clock.now()
        if until <= self.since:
            return Inconclusive("it has only just begun")
        limit = self.rollout.max_p99
        p99 = round(limit.total_seconds() * 1000) if limit is not None else None
        limits = Limits(
            self.rollout.max_error_rate,
            self.rollout.min_samples,
            p99,
            against_stable_only=work.plan.despite is not None,
        )
        counts = work.tools.metrics.counts(
            self._place, compared, since=self.since, until=until, slower_than_ms=p99
        )
        bakes = sum(1 for wave in work.plan.waves if wave.rollout is not None)
        verdicts: dict[str, Verdict] = {}
        judged: list[Judged] = []
        for one in compared:
            stable, canary = counts[one.function]
            if one.function in self.probed:
                stable = _sum(stable, self.probed[one.function][0])
                canary = _sum(canary, self.probed[one.function][1])
            # Probes call both versions alike, whatever the weight is.
            weight = max(self.wave.percent / 100, 0.5 if one.function in self.probed else 0.0)
            tests = len(compared) * bakes
            verdict = judge(stable, canary, weight=weight, limits=limits, tests=tests)
            verdicts[one.function] = verdict
            judged.append(self._judged(one, verdict, stable, canary))
        work.journal.judged = tuple(judged)
        return together(verdicts)

    def _judged(self, one: Compared, verdict: Verdict, stable: Counts, canary: Counts) -> Judged:
        words = {Pass: "pass", Fail: "fail", Inconclusive: "inconclusive"}
        return Judged(
            function=one.function,
            region=self._place.region,
            percent=self.wave.percent,
            verdict=words[type(verdict)],  # type: ignore[arg-type]
            why=verdict.reason,
            stable=one.stable,
            stable_calls=stable.calls,
            stable_bad=stable.bad,
            canary=one.canary,
            canary_calls=canary.calls,
            canary_bad=canary.bad,
        )

    def _probe(self) -> None:
        """Ask both versions ourselves, as often as samples are wanted: no traffic is a verdict on nothing."""
        work, times = self.work, self.rollout.min_samples

        def ask(move: ShiftAlias) -> None:
            canary = work.journal.versions[move.place, move.function]
            bad = [probe(work, move, version, times) for version in (move.before, canary)]
            self.probed[move.function] = (Counts(times, bad[0]), Counts(times, bad[1]))

        work.all([partial(ask, move) for move in self.moves])
        work.journal.notes.append(
            f"{times} probes of both versions of {len(self.moves)} functions"
            f" at {self.wave.percent} % in {self.wave.region}"
        )
        self._say("probe", count=times)

    @property
    def _place(self) -> Place:
        return next(place for place in self.work.plan.places if place.region == self.wave.region)

    @property
    def moves(self) -> list[ShiftAlias]:
        """One of the moves of each function that bakes."""
        steps = self.work.plan.in_phase(Phase.SHIFT, self.wave.region)
        moves = {
            step.action.function: step.action
            for step in steps
            if isinstance(step.action, ShiftAlias) and step.action.function in self.wave.baking
        }
        return list(moves.values())

    def _say(self, what: str, **fields: object) -> None:
        self.work.say(what, region=self.wave.region, percent=self.wave.percent, **fields)


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(one.calls + other.calls, one.bad + other.bad, one.slow + other.slow)
