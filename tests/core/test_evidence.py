"""Evidence is exact, and looking at it after every single call costs no more false alarms than it says."""

import itertools
import math
import random

import pytest

from release.core.analysis import FALSE_ALARM_RATE, Counts, Fail, Limits, judge
from release.core.evidence import highest_rate, log_evidence

LIMITS = Limits(max_error_rate=0.01, min_samples=100)


def by_adding_up(hits: int, of: int, above: float, slices: int = 20_000) -> float:
    """The same integral, by the midpoint rule."""
    rates = (above + (1 - above) * (index + 0.5) / slices for index in range(slices))
    ratios = ((q / above) ** hits * ((1 - q) / (1 - above)) ** (of - hits) for q in rates)
    return math.log(math.fsum(ratios) / slices)


@pytest.mark.parametrize(
    ("hits", "of", "above"),
    [(0, 0, 0.01), (0, 10, 0.01), (1, 1, 0.99), (4, 4, 0.1), (5, 25, 0.01), (30, 100, 0.5), (60, 60, 0.9)],
)
def test_evidence_is_the_mean_gain_over_all_rates_that_the_claim_excludes(
    hits: int, of: int, above: float
) -> None:
    assert log_evidence(hits, of, above=above) == pytest.approx(by_adding_up(hits, of, above), abs=1e-5)


def test_evidence_of_a_hundred_million_calls_is_finite_and_ordered() -> None:
    found = [
        log_evidence(hits, 10**8, above=0.01) for hits in (0, 10**6 - 10**4, 10**6, 10**6 + 10**4, 10**8)
    ]
    assert found == sorted(found)
    assert all(math.isfinite(value) for value in found)


def test_no_number_of_calls_is_too_large() -> None:
    for hits, of in ((10**10, 10**12), (10**14, 10**16)):
        assert math.isfinite(log_evidence(hits, of, above=0.01))


@pytest.mark.parametrize("of", [10, 1000, 100_000])
def test_one_more_hit_is_worth_more_than_the_one_before_also_where_the_calculation_changes_sides(
    of: int,
) -> None:
    middle = of // 10
    values = [
        log_evidence(hits, of, above=0.1) for hits in range(max(0, middle - 9), middle + 10) if hits <= of
    ]
    steps = [later - earlier for earlier, later in itertools.pairwise(values)]
    assert steps[0] > 0
    assert steps == sorted(steps)


def test_no_trials_are_no_evidence_and_the_impossible_is_all_of_it() -> None:
    assert log_evidence(0, 0, above=0.3) == 0
    assert log_evidence(7, 7, above=1) == 0
    assert log_evidence(1, 1000, above=0) == math.inf
    assert log_evidence(0, 999, above=0) == pytest.approx(-math.log(1000))


@pytest.mark.parametrize(("hits", "of", "above"), [(-1, 1, 0.5), (2, 1, 0.5), (0, 1, -0.1), (0, 1, 1.1)])
def test_counts_and_chances_that_cannot_be_are_refused(hits: int, of: int, above: float) -> None:
    with pytest.raises(ValueError, match=r"chance|trials"):
        log_evidence(hits, of, above=above)


def chance_of_ever_reaching(evidence: float, *, above: float, truth: float, trials: int) -> float:
    """Exact, with a look after every trial: what crosses the line, added up one trial after the other."""
    decisive = math.log(evidence)
    alive = [1.0]  # by number of hits, not yet over the line
    line = 1  # the number of hits that crosses it, which only grows: misses take evidence away
    crossed = 0.0
    for of in range(1, trials + 1):
        while line <= of and log_evidence(line, of, above=above) < decisive:
            line += 1
        moved = [0.0] * (len(alive) + 1)
        for hits, chance in enumerate(alive):
            moved[hits] += chance * (1 - truth)
            moved[hits + 1] += chance * truth
        crossed += math.fsum(moved[line:])
        alive = moved[:line]
    return crossed


@pytest.mark.parametrize(
    ("above", "trials"), [(0.01, 3000), (0.1, 1000), (0.5, 300), (0.9, 300)]
)  # limits on failures, and shares of bad calls at canary weights
def test_false_alarms_keep_to_their_rate_with_a_look_after_every_call(above: float, trials: int) -> None:
    for rate in (0.05, 0.01):
        found = chance_of_ever_reaching(1 / rate, above=above, truth=above, trials=trials)
        # not much below either: evidence that never convinced anybody would keep to every rate
        assert rate / 30 < found <= rate


def test_a_version_better_than_the_claim_raises_hardly_any_false_alarm() -> None:
    assert chance_of_ever_reaching(100, above=0.01, truth=0.005, trials=3000) < 0.001


def test_the_highest_rate_is_honest_whenever_one_looks() -> None:
    """The true rate lies above the bound, at any of 300 looks, in at most a twentieth of all runs."""
    draw = random.Random(5)  # noqa: S311 - simulated calls
    truth, runs = 0.03, 100
    wrong = 0
    for _ in range(runs):
        hits = 0
        for of in range(1, 301):
            hits += draw.random() < truth
            # the bound is below the truth exactly if there is this much evidence against "at least the truth"
            if log_evidence(of - hits, of, above=1 - truth) >= math.log(20):
                assert highest_rate(hits, of, doubt=0.05) <= truth * 1.01
                wrong += 1
                break
    assert wrong <= runs * 0.05


def test_the_highest_rate_without_any_failure_is_a_bit_over_three_in_n() -> None:
    assert highest_rate(0, 100, doubt=0.05) == pytest.approx(0.0440, rel=0.01)
    assert highest_rate(0, 1000, doubt=0.05) == pytest.approx(0.0045, rel=0.01)
    assert highest_rate(0, 0, doubt=0.05) == 1
    assert highest_rate(9, 9, doubt=0.05) == 1


def calls_until_failed(
    draw: random.Random, *, canary: float, stable: float, tests: int, at_most: int
) -> int | None:
    """Calls at 10 % traffic until a look after a bad one fails it: good ones weaken it."""
    seen = {True: [0, 0], False: [0, 0]}
    for number in range(1, at_most + 1):
        on_canary = draw.random() < 0.1
        bad = draw.random() < (canary if on_canary else stable)
        seen[on_canary][0] += 1
        seen[on_canary][1] += bad
        if bad:
            counts = Counts(*seen[False]), Counts(*seen[True])
            if isinstance(judge(*counts, weight=0.1, limits=LIMITS, tests=tests), Fail):
                return number
    return None


@pytest.mark.parametrize("rate", [0.01, 0.03])
def test_a_release_that_is_as_good_as_stable_is_hardly_ever_failed(rate: float) -> None:
    draw = random.Random(7)  # noqa: S311 - simulated calls
    runs = 100
    failed = sum(
        calls_until_failed(draw, canary=rate, stable=rate, tests=1, at_most=1500) is not None
        for _ in range(runs)
    )
    assert failed <= runs * FALSE_ALARM_RATE


@pytest.mark.parametrize(
    ("functions", "steps", "stable", "mostly", "always"),
    [
        (3, 2, 0.001, 600, 1200),
        (100, 2, 0.001, 800, 1500),
        (100, 2, 0.01, 1000, 1800),
        (3, 2, 0.05, 2000, 4000),
    ],
)
def test_a_version_that_fails_a_fifth_of_its_calls_is_caught_at_ten_percent_traffic(
    functions: int, steps: int, stable: float, mostly: int, always: int
) -> None:
    """Calls of both versions together, until 95 % of the runs have failed and until all have."""
    draw = random.Random(11)  # noqa: S311 - simulated calls
    needed = sorted(
        calls_until_failed(draw, canary=0.2, stable=stable, tests=functions * steps, at_most=always) or 10**9
        for _ in range(200)
    )
    assert needed[int(0.95 * len(needed))] <= mostly
    assert needed[-1] <= always
