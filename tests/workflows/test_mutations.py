"""Slips in the workflows. Each is noticed by a promise, or the promises have a hole."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.workflows.promises import OF_ALL, OF_RELEASE, Promise, Workflows
from tests.workflows.slips import SLIPS, Slip
from tests.workflows.test_promises import OWN

PROMISES = {promise.__name__: promise for promise in (*OF_ALL, *OF_RELEASE)}
# Those that run scripts come last, and the one that runs all of them with every hostile word after those.
QUICK_FIRST = sorted(
    PROMISES.values(),
    key=lambda one: (one.__name__.startswith("hostile"), one.__module__.endswith(("scripts", "ci"))),
)
Path = tuple[str | int, ...]


@pytest.mark.parametrize(
    ("promise", "slip"),
    [pytest.param(promise, slip, id=slip.name) for promise, slips in SLIPS.items() for slip in slips],
)
def test_a_slip_is_noticed_by_the_promise_that_it_breaks(promise: str, slip: Slip) -> None:
    seen = slip.made_in(OWN)
    assert seen.all  # it is YAML

    with pytest.raises(AssertionError):
        PROMISES[promise](seen)


@pytest.mark.prove
@pytest.mark.parametrize("file", OWN.texts)
def test_whatever_is_left_out_or_changed_is_noticed(file: str, record_property: Any) -> None:
    """Nobody has thought of these: every key and item dropped, every value another one."""
    tried, unnoticed = 0, []
    for path, workflow in changes(OWN.all[file]):
        tried += 1
        if not any(
            breaks(promise, Workflows(OWN.texts, {**OWN.all, file: workflow})) for promise in QUICK_FIRST
        ):
            unnoticed.append(path)

    assert unnoticed == []
    assert tried > 50
    record_property("proof", f"workflows: {tried} slips in {file}, each noticed")


def breaks(promise: Promise, seen: Workflows) -> bool:
    try:
        promise(seen)
    except Exception:  # what is missing altogether is noticed by whoever looks for it
        return True
    return False


def changes(workflow: Any) -> Iterator[tuple[Path, Any]]:
    for path, value in places(workflow):
        yield (*path, "dropped"), changed(workflow, path, dropped=True)
        for other in others(path, value):
            yield (*path, str(other)[:60]), changed(workflow, path, other)


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in below:
        yield (*path, key), one
        yield from places(one, (*path, key))


def others(path: Path, value: Any) -> Iterator[Any]:
    """What is put in the place of a value. Not of words for people; other actions are slips in the text."""
    if path[-1] in ("name", "description", "run-name"):
        return
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1000
    elif isinstance(value, str):
        if value:
            yield ""
        if path[-1] != "uses":
            yield f"x {value}"


def changed(workflow: Any, path: Path, value: Any = None, *, dropped: bool = False) -> Any:
    made = copy.deepcopy(workflow)
    at = made
    for key in path[:-1]:
        at = at[key]
    if dropped:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return made
