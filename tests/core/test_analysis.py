"""Verdicts on a new version: what passes, what fails, and what more calls must decide."""

from datetime import timedelta

import pytest

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

LIMITS = Limits(max_error_rate=0.01, min_samples=100)
OVERRIDDEN = Limits(max_error_rate=0.01, min_samples=100, against_stable_only=True)
WITH_P99 = Limits(max_error_rate=0.01, min_samples=100, max_p99_ms=1500)


def verdict(
    stable: tuple[int, ...], canary: tuple[int, ...], limits: Limits = LIMITS, weight: float = 0.1
) -> Verdict:
    """Counts as (calls, bad, slow)."""
    return judge(Counts(*stable), Counts(*canary), weight=weight, limits=limits, tests=6)


def test_a_version_within_its_limit_passes_and_says_what_that_is_worth() -> None:
    assert verdict((2790, 2), (312, 0)) == Pass(
        "0 of 312 (0 %) of the new version's calls failed, 2 of 2,790 (0.072 %) of the stable one's, "
        "limit 1 %; 95 % sure at any look: below 1.4 %"
    )


def test_a_version_that_fails_a_fifth_of_25_calls_fails() -> None:
    assert verdict((230, 0), (25, 5)) == Fail(
        "5 of 25 (20 %) of the new version's calls failed, 0 of 230 (0 %) of the stable one's, limit 1 %; "
        "8,940:1 that it is over the limit, 18,518:1 that it is worse than stable (600:1 decides)"
    )


@pytest.mark.parametrize("canary", [(0, 0), (1, 0), (99, 0), (3, 1)])
def test_too_few_calls_are_inconclusive_however_good_or_bad(canary: tuple[int, int]) -> None:
    found = verdict((900, 0), canary)
    assert isinstance(found, Inconclusive)
    assert f"{canary[0]} call" in found.reason
    assert "100 are needed" in found.reason


def test_no_counts_at_all_never_pass() -> None:
    for limits in (LIMITS, OVERRIDDEN, WITH_P99):
        for weight in (0.01, 0.5, 1.0):
            assert isinstance(verdict((0, 0), (0, 0), limits, weight), Inconclusive)


def test_a_service_that_was_unwell_before_does_not_fail_a_release_that_changes_nothing() -> None:
    assert isinstance(verdict((2790, 139), (312, 16)), Pass)


def test_a_release_that_makes_an_unwell_service_worse_fails() -> None:
    assert isinstance(verdict((2790, 139), (312, 62)), Fail)


def test_a_rate_over_the_limit_without_enough_evidence_is_inconclusive() -> None:
    found = verdict((2790, 2), (312, 4))
    assert found == Inconclusive(
        "4 of 312 (1.3 %) of the new version's calls failed, 2 of 2,790 (0.072 %) of the stable one's, "
        "limit 1 %; below 1:1 that it is over the limit, 128:1 that it is worse than stable (600:1 decides)"
    )


def test_a_release_that_is_worse_than_stable_and_still_within_its_limit_passes() -> None:
    assert isinstance(verdict((90_000, 0), (10_000, 60)), Pass)


def test_calls_of_the_new_version_alone_cannot_be_compared() -> None:
    found = verdict((0, 0), (500, 100))
    assert found == Inconclusive(
        "500 calls of the new version and none of the stable one were counted: there is nothing to "
        "compare with"
    )


def test_where_nothing_else_serves_the_limit_alone_decides() -> None:
    assert isinstance(verdict((0, 0), (500, 100), weight=1), Fail)
    assert isinstance(verdict((0, 0), (500, 2), weight=1), Pass)
    assert isinstance(verdict((0, 0), (500, 8), weight=1), Inconclusive)


def test_with_alarms_overridden_only_what_the_release_adds_counts() -> None:
    assert isinstance(verdict((2700, 540), (300, 61), OVERRIDDEN), Pass)
    assert isinstance(verdict((2700, 540), (300, 150), OVERRIDDEN), Fail)
    within_the_limit = (90_000, 0), (10_000, 60)
    assert isinstance(verdict(*within_the_limit, OVERRIDDEN), Fail)


def test_with_alarms_overridden_and_nothing_to_compare_with_only_a_clean_version_passes() -> None:
    assert isinstance(verdict((0, 0), (500, 0), OVERRIDDEN, weight=1), Pass)
    found = verdict((0, 0), (500, 499), OVERRIDDEN, weight=1)
    assert isinstance(found, Inconclusive)
    assert found.reason.endswith("there is no stable version to compare with")


def test_a_comparison_needs_as_many_calls_of_the_stable_version() -> None:
    assert isinstance(verdict((99, 5), (900, 45), weight=0.9), Inconclusive)
    assert isinstance(verdict((100, 5), (900, 45), weight=0.9), Pass)


def test_a_canary_that_is_called_more_than_its_weight_is_not_failed_for_that() -> None:
    """Half of the calls reach it instead of a tenth: half of the bad ones are its own."""
    assert not isinstance(verdict((1000, 50), (1000, 50)), Fail)
    assert isinstance(verdict((1000, 50), (1000, 150)), Fail)


def test_slow_calls_are_judged_like_failed_ones_when_a_p99_is_configured() -> None:
    assert isinstance(verdict((2790, 0, 10), (312, 0, 62), LIMITS), Pass)
    failed = verdict((2790, 0, 10), (312, 0, 62), WITH_P99)
    assert isinstance(failed, Fail)
    assert failed.reason.startswith("62 of 312 (20 %) of the new version's calls took over 1500 ms, ")
    assert failed.reason.endswith("(1,200:1 decides)")
    passed = verdict((2790, 0, 10), (312, 0, 3), WITH_P99)
    assert isinstance(passed, Pass)
    assert "failed" in passed.reason
    assert "took over 1500 ms" in passed.reason


def test_what_is_wrong_decides_before_what_is_not_known_yet() -> None:
    assert isinstance(verdict((2790, 2, 10), (312, 4, 62), WITH_P99), Fail)
    found = verdict((2790, 2, 10), (312, 4, 3), WITH_P99)
    assert isinstance(found, Inconclusive)
    assert "took over" not in found.reason


def test_a_limit_of_nothing_tolerates_no_failure_that_stable_does_not_have() -> None:
    none = Limits(max_error_rate=0, min_samples=100)
    assert isinstance(verdict((900, 0), (100, 0), none), Pass)
    assert isinstance(verdict((900, 0), (100, 1), none), Inconclusive)
    assert isinstance(verdict((900, 0), (100, 4), none), Fail)


def test_more_tests_need_more_evidence() -> None:
    counts = Counts(230, 0), Counts(25, 4)
    assert isinstance(judge(*counts, weight=0.1, limits=LIMITS, tests=1), Fail)
    assert isinstance(judge(*counts, weight=0.1, limits=LIMITS, tests=1000), Inconclusive)


@pytest.mark.parametrize("counts", [(-1, 0), (1, 2), (1, -1), (1, 0, 2), (1, 0, -1)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Counts(*counts)


@pytest.mark.parametrize(("weight", "tests"), [(0.0, 1), (1.1, 1), (0.5, 0)])
def test_a_weight_or_a_number_of_tests_that_cannot_be_is_refused(weight: float, tests: int) -> None:
    with pytest.raises(ValueError, match="weight"):
        judge(Counts(0, 0), Counts(0, 0), weight=weight, limits=LIMITS, tests=tests)


def test_one_function_that_fails_fails_the_fleet() -> None:
    fleet: dict[str, Verdict] = {
        "a": Pass("good"),
        "b": Inconclusive("few"),
        "c": Fail("bad"),
        "d": Fail("worse"),
    }
    assert together(fleet) == Fail("c: bad | d: worse")


def test_a_fleet_passes_only_when_all_of_it_does() -> None:
    assert together({"a": Pass("good"), "b": Inconclusive("few")}) == Inconclusive("b: few")
    assert together({"a": Pass("good")}) == Pass("a: good")
    assert together({"a": Pass("good"), "b": Pass("good")}) == Pass("all 2 functions pass: a, b")
    assert together({name: Pass("good") for name in "abcde"}) == Pass(
        "all 5 functions pass: a, b, c and 2 more"
    )


def test_a_verdict_on_a_large_fleet_names_the_first_functions_and_counts_the_others() -> None:
    fleet = {f"f{number}": Inconclusive("few") for number in range(500)}
    assert together(fleet) == Inconclusive("f0: few | f1: few | f2: few | and 497 more")


def test_a_fleet_of_nothing_never_passes() -> None:
    assert together({}) == Inconclusive("no function was measured")


def test_a_window_is_longer_than_a_call_that_times_out_takes_to_be_counted() -> None:
    assert shortest_window(timedelta(seconds=30), timedelta(minutes=2)) == timedelta(seconds=150)
