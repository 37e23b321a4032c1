"""A fleet, several runs of the tool, and faults at the calls that a schedule names; then what must hold.

`Storm(seed, …)`, then `promote`, `advance` and `roll_back` with strikes, then `settle()`: everything is
healthy again, the last command is run once more, and `violations` is empty.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from release.adapters.ledger_file import FileLedger, read_journal
from release.apply import WAIT, Tools
from release.build.target import LAMBDA
from release.core.holding import Busy
from release.errors import Conflict, ExitCode, GateClosed, ReleaseError
from release.journal import import_journal
from release.make_way import make_way
from release.promotion import Draft, Request, draft_rollback
from release.resume import resume
from tests.fakes.aws import ApiCall, Call
from tests.fakes.faults import Faults, Process, Strike
from tests.fakes.storm_ground import SICK, Ground, Illness, Shape
from tests.fakes.storm_people import People
from tests.fakes.storm_truths import Command, Ended, Truths
from tests.fakes.world import ADA, ALIAS, Crash

LAPTOP, RUNNER = "laptop/boot", "runner/boot"


class Storm:
    """One world under one schedule."""

    def __init__(
        self,
        seed: int,
        shape: Shape = Shape(),  # noqa: B008 - frozen
        *,
        illness: Illness | None = None,
        interleaved: bool = True,
    ) -> None:
        self._ground = Ground(seed, shape, illness, interleaved=interleaved)
        self.turns, self.world, self.witness = self._ground.turns, self._ground.world, self._ground.witness
        self.people = People(self._ground, self._a_rival_begins)
        self.ended: list[Ended] = []
        self._journal = Path()
        self._truths = Truths(self._ground)
        self._rivals = 0
        self.faults = Faults(
            self.turns,
            self.world.functions.model,
            self.world.places,
            outside=self.people.act,
            witness=self._saw,
        )
        self.turns.interrupt = self.faults.interrupt
        self.world.functions.way = self._way
        self.world.functions.before_call = self._asked_who_we_are
        self.world.stacks.before_call = self.faults.before_port
        self.world.stacks.after_call = self.faults.after_port
        self.world.ledger.before_call, self.world.ledger.after_call = self._before_ledger, self._after_ledger

    @property
    def violations(self) -> list[str]:
        return self.witness.violations

    # -- what is run ----------------------------------------------------------------------------------------

    def promote(
        self,
        tag: str,
        strikes: Sequence[Strike] = (),
        *,
        region: str | None = None,
        host: str = LAPTOP,
        wait: timedelta = WAIT,
    ) -> Ended:
        return self._command(Command("promote", tag, region), strikes, host, wait)

    def advance(self, strikes: Sequence[Strike] = (), *, host: str = LAPTOP, wait: timedelta = WAIT) -> Ended:
        return self._command(Command("advance"), strikes, host, wait)

    def roll_back(
        self,
        to: str | None = None,
        strikes: Sequence[Strike] = (),
        *,
        region: str | None = None,
        without_ledger: bool = False,
        host: str = LAPTOP,
    ) -> Ended:
        """`without_ledger`: by what is known of it, and what was done is brought into it afterwards."""
        command = Command("rollback", to, region, without_ledger)
        if not without_ledger:
            return self._command(command, strikes, host)
        with TemporaryDirectory() as folder:
            self._journal = Path(folder) / "journal"
            ended = self._command(command, strikes, host)
            if self._journal.exists():
                self.heal()  # the remote is back
                import_journal(self.world.ledger, *read_journal(self._journal))
        return ended

    def heal(self) -> None:
        """Everything works again."""
        self.faults.heal()
        self.people.calm_down()

    def settle(self) -> Ended:
        """Heal the world and run the last command once more; then look at everything.

        Somebody else's canary blocks a promotion, as it should: its owner ends it before.
        """
        self.heal()
        self.people.end_their_canaries()
        if self.world.head.running is not None:  # a holder on another machine is waited for
            self.turns.sleep(24 * 3600.0)
        self.people.decide("unhold")
        self.people.clear()
        self.people.decide("clear")
        last, head = self.ended[-1], self.world.head
        asked = last.command
        if asked.verb == "advance":  # it goes on with what another command began
            begun = [one.command for one in self.ended if one.command.verb != "advance"]
            asked = begun[-1] if begun else Command("promote", "v1.1.0")
        asked = Command(asked.verb, asked.to)  # in all regions, whatever was left behind
        if asked.verb == "rollback" and last.exit == ExitCode.DONE and head.serves and not head.running:
            # Without a name it would go back one more; where it went back in some regions, it has one.
            asked = Command("rollback", None if head.partial else head.serves.release.tag)
        asked_to_stop = head.abort is not None
        last = self._to_the_end(asked)
        if last.exit in (ExitCode.CLOSED, ExitCode.TRY_AGAIN) and head.running is not None:
            # What was asked for last cannot be; what was begun before it is finished by its own command.
            regions = head.running.regions
            region = regions[0] if regions else None
            last = self._to_the_end(Command(head.running.verb, head.running.release.tag, region))
            if last.exit == ExitCode.DONE and region is not None:
                last = self._to_the_end(replace(last.command, region=None))
        if last.exit == ExitCode.CLOSED and last.error and "no verdict has let" in last.error.cause:
            # As its fix says: what a hand has ended goes back as a whole.
            self._to_the_end(Command("rollback"))
            self.people.decide("unhold")
            last = self._to_the_end(asked)
        if asked_to_stop and last.exit == ExitCode.ROLLED_BACK and last.command.verb != "advance":
            self._truths.at_the_end(last, excused=True)
            last = self._to_the_end(last.command)
        self._truths.at_the_end(last, excused=asked_to_stop)
        return last

    def _to_the_end(self, command: Command) -> Ended:
        """With callers enough, and somebody who goes on with what bakes."""
        self._ground.traffic.per_second = max(self._ground.traffic.per_second, 20.0)
        last = self._command(command)
        for _ in range(12):
            if last.exit != ExitCode.UNDER_WAY:
                break
            self.turns.sleep(3 * 3600.0)
            last = self._command(Command("advance"))
        return replace(last, command=command)

    # -- one run of the tool --------------------------------------------------------------------------------

    def _command(
        self, command: Command, strikes: Sequence[Strike] = (), host: str = LAPTOP, wait: timedelta = WAIT
    ) -> Ended:
        self.faults.expect(strikes)
        self._rivals = 0
        with self.turns.in_force():
            found = {where: self._ground.version(*where) for where in self._ground.serving()}
            ended = replace(self._run(command, host, wait), found=found)
            self.turns.join()
        if not self._rivals:
            self._truths.now(ended)
        return ended

    def _run(self, command: Command, host: str, wait: timedelta = WAIT) -> Ended:
        process = self._ground.processes.begin(host)
        with self.turns.acting_for(process):
            try:
                ended = self._as_the_cli_does(command, process, wait)
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

    def _as_the_cli_does(self, command: Command, process: Process, wait: timedelta) -> Ended:
        world, verb, regions = self.world, command.verb, (command.region,) if command.region else ()
        if command.without_ledger:
            return self._without_ledger(command, process, regions)
        if verb == "advance":
            found = resume(world.tools, world.setup(), world.stage, who=ADA, wait=wait, target=LAMBDA)
            self.witness.observed(process)
            if not isinstance(found, Draft):
                return Ended(command, process, ExitCode.DONE if found is None else ExitCode.UNDER_WAY)
            draft = found
        else:
            if verb == "promote":
                glass: dict[str, Any] = {"reason": "one is out", "regions": regions} if regions else {}
                draft = world.draft(command.to or "", **glass)
            else:
                draft = self._rollback_draft(command.to, regions)
            self.witness.observed(process)
        return self._carried_out(command, process, draft, wait)

    def _carried_out(
        self, command: Command, process: Process, draft: Draft, wait: timedelta, tools: Tools | None = None
    ) -> Ended:
        world = self.world
        if draft.plan.blockers:
            raise GateClosed(draft.plan.blockers[0].message, fix=draft.plan.blockers[0].fix)
        if draft.nothing is not None:
            return Ended(command, process, ExitCode.DONE)
        if isinstance(draft.hold, Busy):
            raise Conflict(draft.hold.what, fix="wait")
        applied = world.carry_out(draft, wait, tools)
        code = ExitCode.DONE if applied.paused is None else ExitCode.UNDER_WAY
        if applied.failure is not None:
            code = ExitCode.STRANDED if applied.event.report else ExitCode.ROLLED_BACK
        before = {(self._ground.place(one), one.function): one.lambda_version for one in draft.plan.before}
        changes = [change.served for change in draft.plan.changes if change.changes]
        changing = frozenset((self._ground.place(one), one.function) for one in changes)
        baking = {(wave.region, name) for wave in draft.plan.waves for name in wave.baking}
        at_once = frozenset(where for where in changing if (where[0].region, where[1]) not in baking)
        return Ended(command, process, code, applied, before=before, changing=changing, at_once=at_once)

    def _rollback_draft(self, to: str | None, regions: tuple[str, ...]) -> Draft:
        world = self.world
        request = Request("rollback", "prod", to=to, reason="prices are wrong", regions=regions)
        setup, request = make_way(
            world.ledger,
            world.holders,
            world.clock,
            world.setup(),
            world.stage,
            request,
            who=ADA,
            progress=lambda what, fields: None,
        )
        return draft_rollback(world.tools, setup, request, target=LAMBDA)

    def _without_ledger(self, command: Command, process: Process, regions: tuple[str, ...]) -> Ended:
        world, known = self.world, self.world.ledger.last_known()
        tools = replace(world.tools, ledger=FileLedger(world.ledger, known, self._journal))
        setup = replace(world.setup_of(known), offline=True)
        request = Request("rollback", "prod", to=command.to, reason="prices are wrong", regions=regions)
        draft = draft_rollback(tools, setup, request, target=LAMBDA)
        self.witness.observed(process)
        return self._carried_out(command, process, draft, WAIT, tools)

    def _a_rival_begins(self, pick: int, after: float) -> None:
        commands = (Command("promote", "v1.2.0"), Command("promote", "v1.1.0"), Command("rollback"))
        host = RUNNER if after else (LAPTOP, RUNNER)[pick // 3 % 2]
        self._rivals += 1

        def rival() -> None:
            self.turns.sleep(after)
            self._run(commands[pick % 3], host)

        self.turns.spawn(None, rival)

    # -- the way of its calls -------------------------------------------------------------------------------

    def _way(self, call: ApiCall, answer: Callable[..., Any]) -> Any:
        if call.method != "invoke":
            return self.faults.to_lambda(call, answer)
        said = self.faults.to_lambda(call, self._ground.invoked(call, answer))
        if said["Payload"].getvalue() != SICK:
            self.witness.proven.add((call.place, call.name, said["ExecutedVersion"]))
        return said

    def _saw(self, call: ApiCall, answer: Any, stale: bool) -> None:
        if stale and call.method == "get_alias":  # perhaps only
            now = self.world.functions.alias_of(call.place, call.name, ALIAS)
            stale = now is None or now.revision != answer["RevisionId"]
        self.witness.saw(call, answer, self.turns.process, stale=stale)

    def _before_ledger(self, call: Call) -> None:
        self.faults.before_port(call)
        if call.operation == "read":
            self._who_holds()

    def _after_ledger(self, call: Call) -> None:
        self._who_holds()
        self.faults.after_port(call)

    def _who_holds(self) -> None:
        """What the process that is served learns by this call, in case it is answered."""
        process, running = self.turns.process, self.world.ledger.newest("fleet", "prod").running
        if isinstance(process, Process):
            ours = running is not None and (running.holder.host, running.holder.pid) == (
                process.host,
                process.pid,
            )
            self.witness.knows(process, holds=ours)

    def _asked_who_we_are(self, call: Call) -> None:
        if call.operation == "account":
            self.faults.before_port(call)
