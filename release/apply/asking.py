"""Invokes versions of functions until there is a verdict, for smoke tests and migrations alike."""

from collections.abc import Callable
from typing import assert_never

from release.apply.work import Work
from release.core import smoke
from release.core.models import Place
from release.core.snapshot import Invocation
from release.errors import RolloutFailed, Unavailable


def ask(
    work: Work,
    place: Place,
    function: str,
    qualifier: str,
    payload: bytes,
    *,
    timeout: int,
    judge: Callable[[Invocation], smoke.Verdict],
) -> smoke.Verdict:
    """Invoke once. Whoever cannot be reached has given no verdict. `timeout` in seconds."""
    try:
        return judge(work.tools.functions.invoke(place, function, qualifier, payload, timeout=timeout))
    except Unavailable as error:
        return smoke.Errored(error.cause)


def insist(
    ask_once: Callable[[], smoke.Verdict],
    *,
    what: str,
    tries: int,
    again: Callable[[int, str], None],
    mend: str,
    unheard: str,
) -> None:
    """Ask until the verdict is a yes. Raises RolloutFailed on a no, Unavailable when no try gave a verdict.

    `again` gets the number of the try that comes, from 1, and why the one before gave none. `mend` and
    `unheard` are the ways out of a no and of silence.
    """
    reason = ""
    for attempt in range(tries):
        if attempt:
            again(attempt, reason)
        verdict = ask_once()
        match verdict:
            case smoke.Passed():
                return
            case smoke.Failed(reason=no, detail=detail):
                raise RolloutFailed(f"{what} failed: {no}", fix=mend, details=[detail] if detail else [])
            case smoke.Errored(reason=reason):
                continue
            case _:  # pragma: no cover - the type checker proves that no verdict is missing
                assert_never(verdict)
    raise Unavailable(f"{what} got no verdict in {tries} tries: {reason}", fix=unheard)
