"""Questions that are asked at the same time; what is not answered is an answer as well."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from release.core.doctor.findings import Trouble
from release.errors import Misconfigured, ReleaseError

_T = TypeVar("_T")
PATIENCE: Final = 60.0  # seconds in all


def tried(ask: Callable[[], _T]) -> _T | Trouble:
    """What it answers, or why it does not."""
    try:
        return ask()
    except ReleaseError as error:
        return Trouble(error.cause, error.fix)


def at_once(asks: Mapping[str, Callable[[], Any]], patience: float = PATIENCE) -> Mapping[str, Any]:
    """What each answers, by name; a Trouble where it raises or takes too long.

    Threads of its own, which nobody waits for at the end: a program that ends must not wait for a network
    that hangs.
    """
    answers: dict[str, Any] = {}
    broken: list[BaseException] = []

    def answer(name: str, ask: Callable[[], Any]) -> None:
        try:
            answers[name] = tried(ask)
        except BaseException as error:  # a bug of ours: it is the caller's to raise
            broken.append(error)

    threads = [threading.Thread(target=answer, args=one, daemon=True) for one in asks.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    if broken:
        raise broken[0]
    late = Trouble(f"no answer within {patience:.0f} seconds", "try again; look at the network and the proxy")
    return {name: answers.get(name, late) for name in asks}


def in_time(ask: Callable[[], _T | Trouble]) -> _T | Trouble:
    """What one question is answered, within the same time."""
    answer: _T | Trouble = at_once({"it": ask})["it"]
    return answer


def right(ask: Callable[[], _T]) -> _T | Trouble:
    """What it answers. That something is wrong with what was read is an answer too, and no lack of one."""
    try:
        return ask()
    except Misconfigured as error:
        return Trouble("; ".join((error.cause, *error.details)), error.fix, is_no=True)
    except ReleaseError as error:
        return Trouble(error.cause, error.fix)
