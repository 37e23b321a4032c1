"""How the control plane of AWS Lambda is called: paced, and repeated only where repeating cannot do harm."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from release.adapters.aws.errors import error_code, is_response_lost, is_throttled, is_transient, retry_after
from release.adapters.aws.rate_budget import RateBudget
from release.adapters.aws.sessions import Aws
from release.core.models import Place

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

T = TypeVar("T")

STALE = "PreconditionFailedException"
BUSY = "ResourceConflictException"  # also: the alias that is to be created exists already
_ATTEMPTS = 4
_THROTTLED_ATTEMPTS = 8  # with growing pauses: about 12 s


class LambdaCalls:
    """Raises the errors of botocore: its callers know best what a refusal means."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._urgent = ContextVar("urgent", default=False)
        self._undos = 0  # blocks under way in which something is undone
        self._counting = threading.Lock()

    @contextmanager
    def undoing(self) -> Iterator[None]:
        self._count_undo(1)
        try:
            with self.urgently():
                yield
        finally:
            self._count_undo(-1)

    @contextmanager
    def urgently(self) -> Iterator[None]:
        """Inside, calls of this thread may use what is kept for an undo; the others only wait longer."""
        token = self._urgent.set(True)
        try:
            yield
        finally:
            self._urgent.reset(token)

    def _count_undo(self, by: int) -> None:
        with self._counting:
            self._undos += by

    def read(self, place: Place, ask: Callable[["LambdaClient"], T]) -> T:
        """A call that changes nothing, out of the budget of 15/s."""
        return self._repeatable(place, self._aws.control_calls(place), ask)

    def get_function(self, place: Place, ask: Callable[["LambdaClient"], T]) -> T:
        """GetFunction has a limit of its own, of 100/s."""
        return self._repeatable(place, self._aws.get_function_calls(place), ask)

    def write(
        self,
        place: Place,
        send: Callable[["LambdaClient"], T],
        *,
        landed: Callable[[], T | None],
        when_busy: Callable[[], None] | None = None,
    ) -> T:
        """A call that changes something.

        `landed` looks whether exactly our change is there (its result) or not (None): it is asked after a
        lost response, before the call is repeated. `when_busy` waits until AWS takes changes again; without
        it, a 409 is raised.
        """
        lost = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._paced(place, self._aws.control_calls(place), send)
            except (BotoCoreError, ClientError) as error:
                lost = lost or is_response_lost(error)
                if lost:
                    # Also for a 412 or 409 that follows a lost response: our own change may be in the way.
                    self._pause(attempt)
                    if (result := landed()) is not None:
                        return result
                if attempt == _ATTEMPTS:
                    raise
                if when_busy and error_code(error) == BUSY:
                    when_busy()
                elif not is_transient(error):
                    raise
                elif not lost:
                    self._pause(attempt)
        raise AssertionError("the last attempt returns or raises")

    def _repeatable(self, place: Place, budget: RateBudget, ask: Callable[["LambdaClient"], T]) -> T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._paced(place, budget, ask)
            except (BotoCoreError, ClientError) as error:
                if is_throttled(error) or not is_transient(error):
                    raise
                self._pause(attempt)
        return self._paced(place, budget, ask)

    def _paced(self, place: Place, budget: RateBudget, call: Callable[["LambdaClient"], T]) -> T:
        """One call, repeated while AWS refuses to look at it: that is always safe."""
        # attempts=1: every call that botocore repeats by itself would be one that the budget does not know
        client: LambdaClient = self._aws.client(place, "lambda", attempts=1)
        for attempt in range(1, _THROTTLED_ATTEMPTS):
            self._take(budget)
            try:
                return call(client)
            except ClientError as error:
                if not is_throttled(error):
                    raise
                budget.pause(retry_after(error) or _backoff(attempt, longest=5.0))
        self._take(budget)
        return call(client)

    def _take(self, budget: RateBudget) -> None:
        """Raises GivenUp when something is being undone and this call is neither part of that nor urgent."""
        urgent = self._urgent.get()
        budget.take(urgent, lambda: self._undos > 0 and not urgent)

    def _pause(self, attempt: int) -> None:
        self._aws.sleep(_backoff(attempt, longest=2.0))


def _backoff(attempt: int, *, longest: float) -> float:
    """Seconds; up to a half less by lot, so that processes refused together do not come back together."""
    return float(min(longest, 0.1 * 2.0**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
