"""Slips in the workflows. Each is noticed by a promise, or the promises have a hole."""

import pytest

from tests.workflows.promises import OF_ALL, OF_RELEASE
from tests.workflows.slips import SLIPS, Slip
from tests.workflows.test_promises import OWN

PROMISES = {promise.__name__: promise for promise in (*OF_ALL, *OF_RELEASE)}


@pytest.mark.parametrize(
    ("promise", "slip"),
    [pytest.param(promise, slip, id=slip.name) for promise, slips in SLIPS.items() for slip in slips],
)
def test_a_slip_is_noticed_by_the_promise_that_it_breaks(promise: str, slip: Slip) -> None:
    seen = slip.made_in(OWN)
    assert seen.all  # it is YAML

    with pytest.raises(AssertionError):
        PROMISES[promise](seen)
