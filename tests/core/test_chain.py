"""Where a ledger that was written again leaves the one that it was."""

import pytest

from release.core.chain import Change, LedgerCommit, Problem, first_difference

ONE, TWO, HEAD = "2026/11/one.json", "2026/11/two.json", "heads/fleet/qa.json"


def commit(id: str, *changes: Change, message: str = "m") -> LedgerCommit:
    return LedgerCommit(id, (), message, changes)


def added(path: str, data: bytes = b"{}") -> Change:
    return Change("A", path, data)


FIRST = commit("a" * 40, added(ONE), Change("A", HEAD, b"1"))
SECOND = commit("b" * 40, added(TWO), Change("M", HEAD, b"2"))


def test_a_chain_that_only_goes_on_is_the_same() -> None:
    assert first_difference([FIRST], [FIRST, SECOND]) is None
    assert first_difference([], [FIRST]) is None


@pytest.mark.parametrize(
    ("now", "place", "says"),
    [
        ([FIRST], "b" * 12, f"it was cut off: {TWO} and what came after are gone"),
        (
            [FIRST, commit("c" * 40, added(TWO, b"[]"), Change("M", HEAD, b"2"))],
            f"{'c' * 12}: {TWO}",
            "it was in the ledger with other content",
        ),
        (
            [FIRST, commit("c" * 40, added(TWO), Change("M", HEAD, b"3"))],
            f"{'c' * 12}: {HEAD}",
            "other content",
        ),
        (
            [FIRST, commit("c" * 40, added("2026/11/x.json"))],
            f"{'c' * 12}: 2026/11/x.json",
            f"{TWO} stood there",
        ),
        ([FIRST, commit("c" * 40, added(TWO))], f"{'c' * 12}: {HEAD}", "it was changed there"),
        (
            [FIRST, commit("c" * 40, *SECOND.changes, message="other")],
            "c" * 12,
            "its message was another one",
        ),
        ([FIRST, commit("c" * 40, *SECOND.changes)], "c" * 12, "its author or date was another one"),
        (
            [commit("c" * 40, added(ONE, b"[]"))],
            f"{'c' * 12}: {ONE}",
            "it was in the ledger with other content",
        ),
    ],
)
def test_the_first_file_that_is_another_one_is_named(now: list[LedgerCommit], place: str, says: str) -> None:
    found = first_difference([FIRST, SECOND], now)

    assert isinstance(found, Problem)
    assert found.place == f"ledger {place}" and says in found.what


def test_what_stood_there_may_have_added_no_event() -> None:
    found = first_difference([commit("a" * 40, Change("M", HEAD, b"1"))], [])

    assert found is not None and "no event and what came after are gone" in found.what
