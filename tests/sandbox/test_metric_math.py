"""Metric math by CloudWatch's rules, and nothing calculated that is not known."""

from typing import Any

import pytest

from release.sandbox.alarms import state_of
from release.sandbox.metric_math import UnknownMath, evaluate, names_in

ERRORS = {0: 1.0, 60: 0.0, 180: 4.0}
CALLS = {0: 10.0, 60: 0.0, 120: 5.0, 180: 8.0}
PERIODS = (0, 60, 120, 180, 240)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("100 * errors / calls", {0: 10.0, 180: 50.0}),  # no data at 120, no division by zero at 60
        ("errors + 1", {0: 2.0, 60: 1.0, 180: 5.0}),
        ("-errors - (calls - 2) * 0.5", {0: -5.0, 60: 1.0, 180: -7.0}),
        ("FILL(errors, 0)", {0: 1.0, 60: 0.0, 120: 0.0, 180: 4.0, 240: 0.0}),
        ("FILL(errors, calls)", {0: 1.0, 60: 0.0, 120: 5.0, 180: 4.0}),
        ("FILL(errors, REPEAT)", {0: 1.0, 60: 0.0, 120: 0.0, 180: 4.0, 240: 4.0}),
        ("FILL(errors, 0) / calls", {0: 0.1, 120: 0.0, 180: 0.5}),
        ("calls >= 8", {0: 1.0, 60: 0.0, 120: 0.0, 180: 1.0}),
        ("IF(calls > 5, errors, 0)", {0: 1.0, 60: 0.0, 120: 0.0, 180: 4.0}),
        ("IF(errors, calls, -1)", {0: 10.0, 60: -1.0, 180: 8.0}),
        ("ABS(errors - calls)", {0: 9.0, 60: 0.0, 180: 4.0}),
        ("CEIL(calls / 3) + FLOOR(calls / 3)", {0: 7.0, 60: 0.0, 120: 3.0, 180: 5.0}),
    ],
)
def test_an_expression_is_calculated_period_by_period(expression: str, values: dict[int, float]) -> None:
    assert evaluate(expression, {"errors": ERRORS, "calls": CALLS}, PERIODS) == values


@pytest.mark.parametrize(
    "expression",
    [
        *("errors +", "unknown", "errors ^ 2", "errors ** 2", "errors % 2", "errors < 1 < 2", "'errors'"),
        *(
            "SUM(METRICS())",
            "RATE(errors)",
            "FILL(errors, LINEAR)",
            "FILL(errors)",
            "ANOMALY_DETECTION_BAND(errors)",
        ),
        *("1 + 1", "FILL(1, 0)", "True", "errors.real", "errors[0]", "[errors, calls]", "errors and calls"),
        *("__import__('os')", "ABS(errors, calls)", "IF(errors, calls)", "(lambda: 1)()", "((((" * 60),
        "",
    ],
)
def test_what_is_not_known_is_refused_and_never_guessed(expression: str) -> None:
    with pytest.raises(UnknownMath):
        evaluate(expression, {"errors": ERRORS, "calls": CALLS}, PERIODS)


def test_one_period_is_calculated_for_an_alarm() -> None:
    assert evaluate("100 * e / n", {"e": {0: 1.0}, "n": {0: 4.0}}, (0,)) == {0: 25.0}
    assert evaluate("100 * e / n", {"e": {0: 1.0}, "n": {0: 0.0}}, (0,)) == {}
    assert evaluate("e + n", {"e": {}, "n": {0: 4.0}}, (0,)) == {}
    assert evaluate("FILL(e, 0) + n", {"e": {}, "n": {0: 4.0}}, (0,)) == {0: 4.0}
    assert names_in("IF(FILL(e, REPEAT) > 1, ABS(n), 0)") == {"e", "n"}


# Both tables of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html:
# oldest first, X is breaching, - is missing. Per row: missing, ignore, breaching, notBreaching.
THREE_OF_THREE: dict[str, list[str]] = {
    "0 - X - X": ["OK", "OK", "OK", "OK"],
    "0 - - - -": ["OK", "OK", "OK", "OK"],
    "- - - - -": ["INSUFFICIENT_DATA", "as before", "ALARM", "OK"],
    "0 X X - X": ["ALARM", "ALARM", "ALARM", "ALARM"],
    "- - X - -": ["ALARM", "as before", "ALARM", "OK"],
}
TWO_OF_THREE: dict[str, list[str]] = {
    "0 - X - X": ["ALARM", "ALARM", "ALARM", "ALARM"],
    "0 0 X 0 X": ["ALARM", "ALARM", "ALARM", "ALARM"],
    "0 - X - -": ["OK", "OK", "ALARM", "OK"],
    "- - - - 0": ["OK", "OK", "ALARM", "OK"],
    "- - - X -": ["ALARM", "as before", "ALARM", "OK"],
}
ROWS = [
    (to_alarm, row, treatment, state)
    for to_alarm, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for row, states in table.items()
    for treatment, state in zip(("missing", "ignore", "breaching", "notBreaching"), states, strict=True)
]


@pytest.mark.parametrize(("to_alarm", "row", "treatment", "state"), ROWS)
def test_missing_data_is_treated_as_the_tables_of_cloudwatch_say(
    to_alarm: int, row: str, treatment: str, state: str
) -> None:
    marks: dict[str, Any] = {"0": False, "X": True, "-": None}
    newest_first = [marks[mark] for mark in reversed(row.split())]

    assert state_of(newest_first, periods=3, to_alarm=to_alarm, treatment=treatment, old="as before") == state
