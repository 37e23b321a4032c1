"""A fleet, several runs of the tool, and faults at the calls that a schedule names; then what must hold.

`Storm(seed, …)`, then `promote`, `roll_back` and `abort` with strikes, then `settle()`: everything is healthy
again, the last command is run once more, and `violations` is empty.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from release.apply import Applied
from release.apply.work import LostHold, Who
from release.core.decisions import Deciding
from release.core.holding import Busy
from release.core.models import Place
from release.core.records import Decision, Holder, Served
from release.decide import decide
from release.errors import Conflict, ExitCode, GateClosed, ReleaseError
from tests.fakes.aws import ApiCall, Call
from tests.fakes.faults import Faults, Kind, Process, Strike
from tests.fakes.turns import Turns
from tests.fakes.witness import Where, Witness
from tests.fakes.world import ALIAS, EAST, WEST, Crash, World

GRACE = Who("grace", None, "lambda-release 0.1.0")
Command = tuple[str, str | None]  # "promote" and a tag, "rollback" and a tag or None
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SICK = b'{"statusCode": 503}'
TAGS = ("v1.0.0", "v1.1.0", "v1.2.0")


class StormClock:
    """The clock of a storm: time passes by calls and by sleeping."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def now(self) -> datetime:
        return START + timedelta(seconds=self._turns.now)

    def sleep(self, seconds: float) -> None:
        self._turns.sleep(seconds)


class Processes:
    """Who is who. What runs on another machine cannot be seen from here."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._known: dict[tuple[str, int], Process] = {}

    def begin(self, host: str) -> Process:
        process = Process(len(self._known) + 2, host)
        self._known[host, process.pid] = process
        return process

    def next_process(self) -> None:
        """What sets the world up is no process of a storm."""

    def current(self) -> Holder:
        process = self._turns.process
        pid, host = (process.pid, process.host) if isinstance(process, Process) else (1, "laptop/boot")
        return Holder(host=host, pid=pid, started=f"tick {pid}")

    def is_dead(self, holder: Holder) -> bool | None:
        asking = self._turns.process
        if isinstance(asking, Process) and holder.host != asking.host:
            return None
        process = self._known.get((holder.host, holder.pid))
        return process is None or process.killed or process.over


@dataclass(frozen=True)
class Ended:
    """How one run of the tool ended. `exit` None: it was killed."""

    command: Command
    process: Process
    exit: ExitCode | None
    applied: Applied | None = None
    error: ReleaseError | None = None
    before: Mapping[Where, str | None] | None = None  # what its plan goes back to


@dataclass(frozen=True)
class Shape:
    """Of a fleet. `first`: nothing is there yet."""

    services: tuple[int, ...] = (1, 1)  # functions of each
    regions: int = 2
    first: bool = False


@dataclass(frozen=True)
class Illness:
    """Which release answers no to smoke tests, and where."""

    tag: str
    region: str | None = None
    through_alias: bool = False
    at_times: bool = False  # one time in three


class Storm:
    """One world under one schedule."""

    def __init__(
        self,
        seed: int,
        shape: Shape = Shape(),
        *,
        illness: Illness | None = None,
        interleaved: bool = True,
    ) -> None:
        self.turns = Turns(seed, interleaved=interleaved)
        names = ("prices", "configs", "orders", "mails")
        keys = ("api", "nightly", "feed", "audit")
        services = {name: keys[:count] for name, count in zip(names, shape.services, strict=False)}
        self.world = World((EAST, WEST)[: shape.regions], services)
        self.shape, self.illness = shape, illness
        self.witness = Witness()
        self.ended: list[Ended] = []
        self._processes = Processes(self.turns)
        self._rivals = 0
        self._asked_sick = 0
        self._put_by_hand: set[tuple[Place, str, str]] = set()
        world = self.world
        clock = StormClock(self.turns)
        world.tools = replace(world.tools, clock=clock, holders=self._processes)
        world.clock, world.holders = clock, self._processes  # type: ignore[assignment]
        world.functions.aws.turns = self.turns
        world.functions.model.clock = lambda: self.turns.now
        self.faults = Faults(
            self.turns, world.functions.model, world.places, outside=self._others_act, witness=self._saw
        )
        self.turns.interrupt = self.faults.interrupt
        for tag, template in zip(TAGS, ("first", "second", "first"), strict=True):
            world.build(tag, template=template)
        with self.turns.in_force():
            if not shape.first:
                world.promote("v1.0.0")
                for place in world.places:
                    for name in world.names:
                        self.witness.serves(place, name, "1")
        world.functions.way = self._way
        for part in (world.stacks, world.ledger):
            part.before_call, part.after_call = self.faults.before_port, self.faults.after_port
        world.functions.before_call = self._asked_who_we_are

    @property
    def violations(self) -> list[str]:
        return self.witness.violations

    # -- what people do -------------------------------------------------------------------------------------

    def promote(self, tag: str, strikes: Sequence[Strike] = (), *, host: str = "laptop/boot") -> Ended:
        return self._command(("promote", tag), strikes, host)

    def roll_back(
        self, to: str | None = None, strikes: Sequence[Strike] = (), *, host: str = "laptop/boot"
    ) -> Ended:
        return self._command(("rollback", to), strikes, host)

    def abort(self) -> bool:
        """Whether there was something to abort, and the ledger in reach."""
        try:
            head = self.world.head
            if head.running is None or head.abort is not None:
                return False
            self.world.abort("the week is wrong")
        except ReleaseError:
            return False
        return True

    def decide(self, kind: Decision) -> bool:
        """A person holds or unholds the stage, or quarantines what is under way. False: it is so already,
        or the ledger is out of their reach as well.
        """
        ledger, clock = self.world.ledger, self.world.clock
        try:
            state = ledger.read()
            head = state.head("fleet", "prod")
            release = head.running.release if head.running and kind == "quarantine" else None
            if kind == "quarantine" and release is None:
                return False
            deciding = Deciding(kind, head, release)
            made = decide(ledger, state, deciding, "who knows", who=GRACE, clock=clock)  # type: ignore[arg-type]
            return made is not None
        except ReleaseError:
            return False

    def settle(self) -> Ended:
        """Heal the world and run the last command once more; then look at everything.

        Somebody else's canary blocks a promotion, as it should: its owner ends it before.
        """
        self.faults.heal()
        self._others_end_their_canaries()
        if self.world.head.running is not None:  # a holder on another machine is waited for
            self.turns.sleep(24 * 3600.0)
        self.decide("unhold")
        last, head = self.ended[-1], self.world.head
        verb, to = last.command
        if verb == "rollback" and last.exit == ExitCode.DONE and head.serves and not head.running:
            to = head.serves.release.tag  # without a name, it would go back one more
        asked_to_stop = head.abort is not None
        last = self._command((verb, to), (), "laptop/boot")
        if last.exit == ExitCode.CLOSED and head.running is not None:
            # What was asked for last cannot be; what was begun before it is finished by its own command.
            verb, to = head.running.verb, head.running.release.tag
            last = self._command((verb, to), (), "laptop/boot")
        if asked_to_stop and last.exit == ExitCode.ROLLED_BACK:
            self._final(last, excused=True)
            last = self._command((verb, to), (), "laptop/boot")
        self._final(last)
        return last

    # -- one run of the tool --------------------------------------------------------------------------------

    def _command(self, command: Command, strikes: Sequence[Strike], host: str) -> Ended:
        self.faults.expect(strikes)
        self._rivals = 0
        hand = self.witness.aliases_by_hand
        with self.turns.in_force():
            ended = self._run(command, host)
            self.turns.join()
        if not self._rivals:
            self._true_now(ended, hands=self.witness.aliases_by_hand > hand)
        return ended

    def _run(self, command: Command, host: str) -> Ended:
        process = self._processes.begin(host)
        with self.turns.acting_for(process):
            try:
                ended = self._as_the_cli_does(command, process)
            except Crash:
                process.killed = True
                ended = Ended(command, process, None)
            except KeyboardInterrupt:
                ended = Ended(command, process, ExitCode.INTERRUPTED)
            except ReleaseError as error:
                ended = Ended(command, process, error.exit_code, error=error)
            except Exception as bug:
                ended = Ended(command, process, ExitCode.BUG)
                self.violations.append(f"a bug: {type(bug).__name__}: {bug}")
        process.over = True
        self.ended.append(ended)
        return ended

    def _as_the_cli_does(self, command: Command, process: Process) -> Ended:
        world, (verb, tag) = self.world, command
        draft = world.draft(tag or "") if verb == "promote" else self._rollback_draft(tag)
        self.witness.observed(process)
        if draft.plan.blockers:
            raise GateClosed(draft.plan.blockers[0].message, fix=draft.plan.blockers[0].fix)
        if draft.nothing is not None:
            return Ended(command, process, ExitCode.DONE)
        if isinstance(draft.hold, Busy):
            raise Conflict(draft.hold.what, fix="wait")
        applied = world.carry_out(draft)
        code = ExitCode.DONE
        if applied.failure is not None:
            code = ExitCode.STRANDED if applied.event.report else ExitCode.ROLLED_BACK
        before = {(self._place(one), one.function): one.lambda_version for one in draft.plan.before}
        return Ended(command, process, code, applied, before=before)

    def _rollback_draft(self, to: str | None) -> Any:
        from release.build.target import LAMBDA
        from release.promotion import Request, draft_rollback

        request = Request(verb="rollback", stage="prod", to=to, reason="prices are wrong")
        return draft_rollback(self.world.tools, self.world.setup(), request, target=LAMBDA)

    # -- what the world answers -----------------------------------------------------------------------------

    def _way(self, call: ApiCall, answer: Callable[..., Any]) -> Any:
        if call.method != "invoke":
            return self.faults.to_lambda(call, answer)

        def asked(**wanted: Any) -> Any:
            said = answer(**wanted)
            return (
                {**said, "Payload": BytesIO(SICK)} if self._is_sick(call, said["ExecutedVersion"]) else said
            )

        said = self.faults.to_lambda(call, asked)
        if said["Payload"].getvalue() != SICK:
            self.witness.proven.add((call.place, call.name, said["ExecutedVersion"]))
        return said

    def _is_sick(self, call: ApiCall, version: str) -> bool:
        ill = self.illness
        if ill is None or self._tag_of(call.place, call.name, version) != ill.tag:
            return False
        if ill.region not in (None, call.place.region):
            return False
        if ill.through_alias and call.wanted["Qualifier"] != ALIAS:
            return False
        self._asked_sick += 1
        return not (ill.at_times and self._asked_sick % 3)

    def _saw(self, call: ApiCall, answer: Any, stale: bool) -> None:
        if stale and call.method == "get_alias":  # perhaps only
            now = self.world.functions.alias_of(call.place, call.name, ALIAS)
            stale = now is None or now.revision != answer["RevisionId"]
        self.witness.saw(call, answer, self.turns.process, stale=stale)

    def _asked_who_we_are(self, call: Call) -> None:
        if call.operation == "account":
            self.faults.before_port(call)

    # -- what others do -------------------------------------------------------------------------------------

    def _others_act(self, strike: Strike) -> bool:
        """False: there was nothing to do."""
        with self.turns.acting_for(None):
            if strike.kind is Kind.FOREIGN:
                return self._somebody_writes(strike.pick)
            match strike.kind:
                case Kind.ABORT:
                    return self.abort()
                case Kind.HELD:
                    return self.decide("hold")
                case Kind.QUARANTINED:
                    return self.decide("quarantine")
                case _:
                    pass
            self._a_rival_begins(strike.pick)
            return True

    def _a_rival_begins(self, pick: int) -> None:
        commands: tuple[Command, ...] = (("promote", "v1.2.0"), ("promote", "v1.1.0"), ("rollback", None))
        host = ("laptop/boot", "runner/boot")[pick // 3 % 2]
        self._rivals += 1
        self.turns.spawn(None, lambda: self._run(commands[pick % 3], host))

    def _somebody_writes(self, pick: int) -> bool:
        functions = self.world.functions
        known = [(place, name) for place in self.world.places for name in self.world.names]
        place, name = known[pick // 7 % len(known)]
        if not functions.exists(place, name):
            return False
        match pick % 7:
            case 0:
                functions.change_function(place, name, zip=b"a hot fix")
                return True
            case 1:
                functions.change_function(place, name, configuration=f"by hand {pick}")
                return True
            case 2:
                functions.settle(place, name)
                functions.model.client(place).publish_version(FunctionName=name)
                return True
            case how:
                return self._somebody_moves(place, name, how)

    def _somebody_moves(self, place: Place, name: str, how: int) -> bool:
        functions = self.world.functions
        facts, versions = functions.alias_of(place, name, ALIAS), functions.versions_of(place, name)
        others = [version for version in versions if facts is None or version != facts.lambda_version]
        if facts is None or not others:
            return False
        # The console and the CLI keep the description unless they are told another.
        description = facts.description if how % 2 else "by hand"
        if how == 3:
            functions.change_alias(place, name, ALIAS, weights={others[-1]: 0.1}, description=description)
        else:
            version = others[0] if how == 4 else others[-1]
            functions.change_alias(
                place, name, ALIAS, lambda_version=version, weights={}, description=description
            )
            self.witness.serves(place, name, version)
            self._put_by_hand.add((place, name, version))
        self.witness.by_hand(place, name, self.world.functions.alias_of(place, name, ALIAS))
        return True

    def _others_end_their_canaries(self) -> None:
        for place, name in list(self.witness.foreign):
            facts = self.world.functions.alias_of(place, name, ALIAS)
            if facts is not None and facts.weights:
                self.world.functions.change_alias(place, name, ALIAS, weights={})
                self.witness.by_hand(place, name, self.world.functions.alias_of(place, name, ALIAS))

    # -- what must hold -------------------------------------------------------------------------------------

    def _true_now(self, ended: Ended, *, hands: bool) -> None:
        """The exit code says what state the world is in, at the moment when it is given."""
        match ended.exit:
            case ExitCode.DONE if ended.applied is not None:
                self._all_new(ended)
            case ExitCode.ROLLED_BACK:
                self._all_back(ended)
            case ExitCode.STRANDED:
                self._report_is_true(ended)
            case ExitCode.MISCONFIGURED | ExitCode.CLOSED | ExitCode.TRY_AGAIN:
                if self.witness.wrote_aliases(ended.process) and not isinstance(ended.error, LostHold):
                    self._wrong(ended, "says that nothing was changed, and moved aliases")
            case _:
                pass

    def _all_new(self, ended: Ended) -> None:
        release = ended.applied.event.release if ended.applied else None
        label = release.tag if release else None
        for (place, name), serves in self._serving().items():
            if serves != label and not self.witness.unseen((place, name)):
                self._wrong(ended, f"says done, and {name} in {place} serves {serves}")

    def _all_back(self, ended: Ended) -> None:
        for (place, name), before in (ended.before or {}).items():
            now = self._version(place, name)
            if now != before and (place, name) not in self.witness.foreign:
                self._wrong(ended, f"says that all is back, and {name} in {place} is at {now}, not {before}")

    def _report_is_true(self, ended: Ended) -> None:
        assert ended.applied is not None
        report = ended.applied.event.report
        for (place, name), before in (ended.before or {}).items():
            now = self._version(place, name)
            lines = [line for line in report if line.startswith(f"{name} in {place.region}: ")]
            foreign = (place, name) in self.witness.foreign
            if now != before and not lines and not foreign:
                self._wrong(ended, f"reports {report}, not that {name} in {place} is at {now}")
            for line in lines:
                said = re.search(rf"{ALIAS} (?:is|stays) at (?:version )?(\w+)", line)
                if said and said[1] != (now or "nothing").split(" ")[0]:
                    self._wrong(ended, f"reports {line!r}, and it is at {now}")

    def _final(self, last: Ended, *, excused: bool = False) -> None:
        """The world is healthy, and the last command was run once more."""
        world, head, (verb, tag) = self.world, self.world.head, last.command
        ill = self.illness is not None and (verb == "rollback" or tag == self.illness.tag)
        if head.running is not None:
            self._wrong(last, f"left {head.running.id} at work")
        closed = verb == "rollback" and last.exit == ExitCode.CLOSED
        if last.exit != ExitCode.DONE and not (ill or excused or closed):
            self._wrong(last, f"failed in a healthy world: {last.error or last.applied}")
        if last.exit == ExitCode.DONE and verb == "promote" and not world.all_serve(tag):
            self._wrong(last, f"ended with {world.aliases}")
        serving = set(world.aliases.values())
        if len(serving) > 1 and head.stranded is None and not self.witness.aliases_by_hand:
            self._wrong(last, f"ended half-way: {world.aliases}")
        if last.exit == ExitCode.DONE or not (head.stranded or self.witness.aliases_by_hand):
            self._ledger_agrees(last)
        ends = Counter(event.id for event in world.ledger.log if event.kind == "outcome")
        for promotion, count in ends.items():
            if count > 1:
                self._wrong(last, f"{promotion} ended {count} times")

    def _ledger_agrees(self, last: Ended) -> None:
        world, head = self.world, self.world.head
        recorded: Sequence[Served] = ()
        if head.serves is not None:
            recorded = world.ledger.event(world.ledger.read(), head.serves.record).after
        says = {(self._place(one), one.function): one.code for one in recorded}
        for (place, name), _ in self._serving().items():
            facts = world.functions.alias_of(place, name, ALIAS)
            code = world.functions.code(place, name, facts.lambda_version) if facts else None
            if code != says.get((place, name)):
                self._wrong(last, f"and the ledger says other code of {name} in {place} than it serves")
            if facts and facts.weights:
                self._wrong(last, f"left weights on {name} in {place}")
            if facts and (place, name, facts.lambda_version) not in self.witness.proven:
                first = not self.shape.first and facts.lambda_version == "1"
                if not first and (place, name, facts.lambda_version) not in self._put_by_hand:
                    self._wrong(last, f"{name} in {place} serves a version that proved nothing")

    def _serving(self) -> dict[Where, str | None]:
        aliases = self.world.aliases
        return {
            (place, name): aliases[place.region, name]
            for place in self.world.places
            for name in self.world.names
        }

    def _version(self, place: Place, name: str) -> str | None:
        facts = (
            self.world.functions.alias_of(place, name, ALIAS)
            if self.world.functions.exists(place, name)
            else None
        )
        if facts is None:
            return None
        return f"{facts.lambda_version} and {dict(facts.weights)}" if facts.weights else facts.lambda_version

    def _tag_of(self, place: Place, name: str, version: str) -> str:
        return self.world._tag_of(self.world.functions.code(place, name, version))

    def _place(self, served: Served) -> Place:
        return next(place for place in self.world.places if place.region == served.region)

    def _wrong(self, ended: Ended, what: str) -> None:
        code = "killed" if ended.exit is None else f"exit {int(ended.exit)}"
        self.violations.append(f"{' '.join(filter(None, ended.command))} ({code}) {what}")
