"""What others do meanwhile: people who decide, hands that write to AWS, alarms that fire."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from release.core.decisions import Deciding
from release.core.models import Place
from release.core.records import Decision, ReleaseRef
from release.decide import decide
from release.errors import ReleaseError
from tests.fakes.faults import ASLEEP_SECONDS, Kind, Strike
from tests.fakes.storm_ground import Ground
from tests.fakes.world import ADA, ALIAS

GRACE = replace(ADA, actor="grace")


class People:
    """Others, on the ground of a storm. `rival` begins another run of the tool beside the one under way."""

    def __init__(self, ground: Ground, rival: Callable[[int, float], None]) -> None:
        self._ground, self._rival = ground, rival
        self._world, self._witness, self._traffic = ground.world, ground.witness, ground.traffic

    def act(self, strike: Strike) -> bool:
        """False: there was nothing to do."""
        with self._ground.turns.acting_for(None):
            if strike.kind is Kind.FOREIGN:
                return self._somebody_writes(strike.pick)
            match strike.kind:
                case Kind.ASLEEP:
                    self._rival(strike.pick, ASLEEP_SECONDS / 2)
                    return True
                case Kind.ABORT:
                    return self.abort()
                case Kind.HELD:
                    return self.decide("hold")
                case Kind.QUARANTINED:
                    return self.decide("quarantine")
                case Kind.ALARMED | Kind.BLIND | Kind.ENDING:
                    return self._the_watch_is_troubled(strike)
                case _:
                    pass
            self._rival(strike.pick, 0.0)
            return True

    def abort(self) -> bool:
        """Whether there was something to abort, and the ledger in reach."""
        try:
            head = self._world.head
            if head.running is None or head.abort is not None:
                return False
            self._world.abort("the week is wrong")
        except ReleaseError:
            return False
        return True

    def decide(self, kind: Decision) -> bool:
        """A person holds or unholds the stage, quarantines what is under way, or clears what a person has
        quarantined. False: it is so already, or the ledger is out of their reach as well.
        """
        ledger, clock = self._world.ledger, self._world.clock
        try:
            state = ledger.read()
            head = state.head("fleet", "prod")
            release = head.running.release if head.running and kind == "quarantine" else None
            if kind == "clear":
                bad = [one for one in head.quarantined if one.actor is not None]
                release = ReleaseRef(bad[0].commit, "", bad[0].tag) if bad else None
            if kind in ("quarantine", "clear") and release is None:
                return False
            deciding = Deciding(kind, head, release)
            made = decide(ledger, state, deciding, "who knows", who=GRACE, clock=clock)  # type: ignore[arg-type]
            return made is not None
        except ReleaseError:
            return False

    def clear(self) -> None:
        """What people have quarantined by hand, they let in again."""
        ledger, clock = self._world.ledger, self._world.clock
        for bad in self._world.head.quarantined:
            if bad.actor is not None and bad.tag is not None:
                state = ledger.read()
                deciding = Deciding("clear", state.head("fleet", "prod"), self._world.releases[bad.tag])
                decide(ledger, state, deciding, "it was something else", who=GRACE, clock=clock)  # type: ignore[arg-type]

    def calm_down(self) -> None:
        """No alarm fires, everything is measured, credentials last, and nobody else runs a canary."""
        self._traffic.out_of_reach.clear()
        self._world.functions.expires = None
        for name in self._world.names if self._ground.has_alarms else ():
            for place in self._world.places:
                self._traffic.change_alarm(place, f"{name}-errors", state="OK")

    def end_their_canaries(self) -> None:
        for place, name in list(self._witness.foreign):
            facts = self._world.functions.alias_of(place, name, ALIAS)
            if facts is not None and facts.weights:
                self._world.functions.change_alias(place, name, ALIAS, weights={})
                self._witness.by_hand(place, name, self._world.functions.alias_of(place, name, ALIAS))

    def _the_watch_is_troubled(self, strike: Strike) -> bool:
        world, place = self._world, self._world.places[strike.pick % len(self._world.places)]
        if self._ground.shape.rollout is None:
            return False
        match strike.kind:
            case Kind.ALARMED:
                name = world.names[strike.pick % len(world.names)]
                if not self._ground.shape.rollout.alarms:
                    return False
                self._traffic.change_alarm(place, f"{name}-errors", state="ALARM")
            case Kind.BLIND:
                self._traffic.out_of_reach.add(place)
            case _:
                world.functions.expires = world.clock.now() + timedelta(seconds=strike.pick)
        return True

    def _somebody_writes(self, pick: int) -> bool:
        functions = self._world.functions
        known = [(place, name) for place in self._world.places for name in self._world.names]
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
        functions = self._world.functions
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
            self._witness.serves(place, name, version)
        self._witness.by_hand(place, name, self._world.functions.alias_of(place, name, ALIAS))
        return True
