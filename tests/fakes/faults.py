"""What goes wrong between the tool and the world, at the call that a schedule names; no real time passes.

A *point* is a moment right before or right after the effect of one call to AWS or to the ledger. A schedule
is a list of strikes, each so many points after the one before. What a strike sets off lasts for some calls,
or until `heal`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from release.core.models import Place
from release.errors import Misconfigured, Unavailable
from tests.fakes.aws import ApiCall, Call
from tests.fakes.lambda_model import LambdaModel
from tests.fakes.turns import Turns
from tests.fakes.world import ALIAS, Crash

FOR_EVER = 10**9
ASLEEP_SECONDS = 8 * 3600.0  # longer than anybody waits for a holder to be heard of
HEALING_SECONDS = 120.0  # longer than any read stays stale


class Kind(StrEnum):
    """What may go wrong."""

    KILLED = "killed"  # the process is gone, between two calls or with an effect it never heard of
    INTERRUPTED = "interrupted"  # Ctrl-C, or a workflow run that is cancelled
    THROTTLED = "throttled"
    FAILED = "failed before the effect"
    UNSENT = "never sent"
    LOST = "answer lost after the effect"
    OUTAGE = "region out"
    DEAF = "region whose answers are lost"
    EXPIRED = "credentials expired"
    STALE = "stale alias reads"
    UNREADABLE = "ledger cannot be read"
    UNWRITABLE = "ledger cannot be pushed to"
    UNANSWERED = "ledger takes pushes without an answer"
    FOREIGN = "somebody else writes"
    RIVAL = "a second deployer"
    ASLEEP = "a machine sleeps while another takes over"
    ABORT = "a request to abort"
    HELD = "somebody holds the stage"
    QUARANTINED = "somebody quarantines the release"
    ALARMED = "an alarm fires"
    BLIND = "measurements out of reach"
    ENDING = "credentials that end soon"


# What goes wrong with the ledger when a strike meets one of its calls
_OF_THE_LEDGER = {
    Kind.THROTTLED: Kind.UNREADABLE,
    Kind.FAILED: Kind.UNWRITABLE,
    Kind.UNSENT: Kind.UNWRITABLE,
    Kind.DEAF: Kind.UNANSWERED,
}


@dataclass(frozen=True, slots=True)
class Strike:
    """`gap` points after the one before, something goes wrong for `span` calls. `pick` chooses among ways."""

    gap: int
    kind: Kind
    pick: int = 0
    span: int = 1

    def __str__(self) -> str:
        return f"{self.kind} after {self.gap} points ({self.pick}, {self.span})"


@dataclass(eq=False)
class Process:
    """One run of the tool, on one machine."""

    pid: int
    host: str = "laptop/boot"
    killed: bool = False
    over: bool = False
    interrupted: bool = False


@dataclass
class _InForce:
    """What is wrong now: how many calls more."""

    throttled: dict[Place, int] = field(default_factory=dict)
    out: dict[Place, int] = field(default_factory=dict)
    deaf: dict[Place, int] = field(default_factory=dict)
    expired: int = 0
    stale: dict[Place, float] = field(default_factory=dict)  # seconds that a read may lag behind
    unreadable: int = 0
    unwritable: int = 0
    unanswered: int = 0


class Faults:
    """Stands between the tool and a world, and strikes as the schedule says.

    `outside` are the strikes that this class leaves to the caller: what other people do. `witness` hears of
    every call of the API that had its effect, before its answer is given or lost.
    """

    def __init__(
        self,
        turns: Turns,
        model: LambdaModel,
        places: Sequence[Place],
        *,
        outside: Callable[[Strike], bool],
        witness: Callable[[ApiCall, Any, bool], None],
    ) -> None:
        self.turns = turns
        self.fired: Counter[Kind] = Counter()
        self.points = 0
        self._model = model
        self._places = places
        self._outside = outside
        self._witness = witness
        self._random = Random(turns.random.random())  # noqa: S311 - a choice, not a secret
        self._now = _InForce()
        self._strikes: list[Strike] = []
        self._to_next = 0

    def expect(self, strikes: Sequence[Strike]) -> None:
        """The schedule from here on."""
        self._strikes = list(strikes)
        self._to_next = strikes[0].gap if strikes else 0

    def heal(self) -> None:
        """Everything works again, and every copy of everything has heard of everything."""
        self._now = _InForce()
        self._strikes = []
        self.turns.sleep(HEALING_SECONDS)

    # -- ways to the world ----------------------------------------------------------------------------------

    def to_lambda(self, call: ApiCall, answer: Callable[..., Any]) -> Any:
        """The way of a call of the API (`FakeFunctions.way`)."""
        self.turns.pause()
        lost = self._point(call, before=True)
        self._refuse(call)
        with_effect = self._answered(call, answer)
        self._witness(call, with_effect, call.place in self._now.stale)
        lost = self._point(call, before=False) or lost
        if _spend(self._now.deaf, call.place):
            lost = Kind.DEAF
        if lost:
            raise ReadTimeoutError(endpoint_url=f"https://lambda.{call.place.region}.amazonaws.com/")
        return with_effect

    def before_port(self, call: Call) -> None:
        """Before a call of a port that is faked whole: stacks, the ledger, who we are."""
        self.turns.pause()
        self._point(call, before=True)
        if call.operation in ("read", "append"):
            self._refuse_ledger(call)
            return
        if self._now.expired > 0:
            raise Misconfigured("no valid AWS credentials: the token is expired", fix="log in")
        if _spend(self._now.out, call.place):
            raise Unavailable(f"AWS cannot be reached: {call.place}", fix="try again")

    def after_port(self, call: Call) -> None:
        lost = self._point(call, before=False)
        if call.operation == "append" and self._now.unanswered > 0:
            self._now.unanswered -= 1
            lost = Kind.UNANSWERED
        if call.operation not in ("read", "append") and _spend(self._now.deaf, call.place):
            lost = Kind.DEAF
        if lost and call.operation != "read":
            raise Unavailable(f"no answer to {call.operation} of {call.name}", fix="try again")

    def interrupt(self) -> None:
        """Ctrl-C reaches the thread that waits for the others (`Turns.interrupt`)."""
        process = self.turns.process
        if isinstance(process, Process) and process.interrupted:
            process.interrupted = False
            raise KeyboardInterrupt

    # -- what is wrong --------------------------------------------------------------------------------------

    def _point(self, call: ApiCall | Call, *, before: bool) -> Kind | None:
        """Strike, if it is time. Returns a kind when the answer to this call is to be lost."""
        process = self.turns.process
        if not isinstance(process, Process):
            return None
        if process.killed:
            raise Crash
        self.points += 1
        lost = None
        if self._strikes:
            self._to_next -= 1
            if self._to_next <= 0:
                strike = self._strikes.pop(0)
                self._to_next = self._strikes[0].gap if self._strikes else 0
                lost = self._strike(strike, call, process)
        return lost

    def _strike(self, strike: Strike, call: ApiCall | Call, process: Process) -> Kind | None:
        span, now = strike.span, self._now
        git = call.place not in self._places
        place = self._places[strike.pick % len(self._places)] if git else call.place
        kind = _OF_THE_LEDGER.get(strike.kind, strike.kind) if git else strike.kind
        match kind:
            case Kind.KILLED:
                self.fired[kind] += 1
                process.killed = True
                raise Crash
            case Kind.INTERRUPTED:
                process.interrupted = True
            case Kind.LOST:
                self.fired[kind] += 1
                return kind
            case Kind.THROTTLED | Kind.FAILED | Kind.UNSENT:
                now.throttled[place] = span if kind is Kind.THROTTLED else 0
                if kind is not Kind.THROTTLED:
                    now.out[place] = min(span, 3)
            case Kind.OUTAGE:
                now.out[place] = FOR_EVER if strike.pick % 2 else 10 * span
            case Kind.DEAF:
                now.deaf[place] = FOR_EVER if strike.pick % 4 == 0 else span
            case Kind.EXPIRED:
                now.expired = FOR_EVER if strike.pick % 2 else span
            case Kind.STALE:
                now.stale[place] = float(1 + strike.pick % 10)
            case Kind.UNREADABLE:
                now.unreadable = FOR_EVER if strike.pick % 2 else span
            case Kind.UNWRITABLE:
                now.unwritable = FOR_EVER if strike.pick % 2 else span
            case Kind.UNANSWERED:
                now.unanswered = span
            case Kind.ASLEEP:
                self._outside(strike)
                self.turns.sleep(ASLEEP_SECONDS)
            case _:
                if not self._outside(strike):
                    return None
        self.fired[kind] += 1
        return None

    def _refuse(self, call: ApiCall) -> None:
        """Raises what botocore raises, before the effect."""
        operation, now = call.method.title().replace("_", ""), self._now
        url = f"https://lambda.{call.place.region}.amazonaws.com/"
        if now.expired > 0:
            now.expired -= 1
            message = "The security token included in the request is expired"
            raise _client_error(operation, "ExpiredTokenException", message, 403)
        if _spend(now.throttled, call.place):
            raise _client_error(operation, "TooManyRequestsException", "Rate exceeded", 429)
        if _spend(now.out, call.place):
            match self._random.randrange(3):
                case 0:
                    raise EndpointConnectionError(endpoint_url=url)
                case 1:
                    raise _client_error(operation, "ServiceException", "An error occurred", 500)
                case _:
                    raise ReadTimeoutError(endpoint_url=url)

    def _refuse_ledger(self, call: Call) -> None:
        now = self._now
        if call.operation == "read" and now.unreadable > 0:
            now.unreadable -= 1
            raise Unavailable("the remote cannot be reached", fix="try again")
        if call.operation == "append" and now.unwritable > 0:
            now.unwritable -= 1
            raise Unavailable("the push was not answered", fix="try again")

    def _answered(self, call: ApiCall, answer: Callable[..., Any]) -> Any:
        """With the effect. A read of an alias may come from a copy that has not heard of the last write."""
        lag = self._now.stale.get(call.place)
        if lag is None:
            return answer(**call.wanted)
        moment = self.turns.now - self._random.uniform(0.0, lag)
        if call.method == "get_alias":
            return self._model.alias_as_of(call.place, call.wanted, moment)
        if call.method == "invoke" and call.wanted.get("Qualifier") == ALIAS:
            wanted = {"FunctionName": call.name, "Name": ALIAS}
            version = self._model.alias_as_of(call.place, wanted, moment)["FunctionVersion"]
            return answer(**{**call.wanted, "Qualifier": version})
        return answer(**call.wanted)


def _spend(left: dict[Place, int], place: Place) -> bool:
    if left.get(place, 0) <= 0:
        return False
    left[place] -= 1
    return True


def _client_error(operation: str, code: str, message: str, status: int) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
    }
    return ClientError(answer, operation)
