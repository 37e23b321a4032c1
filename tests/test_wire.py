"""What the environment says about the adapters that are wired."""

from datetime import timedelta
from pathlib import Path

import pytest

from release.errors import Misconfigured
from release.wire import Wiring


def lag(**environ: str) -> timedelta:
    return Wiring(Path(), environ).metrics.lag()


def test_metrics_are_as_late_as_on_aws_unless_the_environment_says_otherwise() -> None:
    assert lag() == timedelta(minutes=2)
    assert lag(RELEASE_METRIC_LAG_SECONDS="0") == timedelta(0)
    assert lag(RELEASE_METRIC_LAG_SECONDS="1.5") == timedelta(seconds=1.5)


@pytest.mark.parametrize("value", ["", "2m", "-1", "nan", "inf", "86401"])
def test_a_lag_of_metrics_that_cannot_be_is_refused_with_what_to_write(value: str) -> None:
    with pytest.raises(Misconfigured, match="RELEASE_METRIC_LAG_SECONDS is") as refused:
        lag(RELEASE_METRIC_LAG_SECONDS=value)
    assert refused.value.fix == "set it to a number from 0 to 86400, or unset it: then it is 120"
