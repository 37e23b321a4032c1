"""The collector of cycles rests while records are made, and works again afterwards, whatever happened."""

import gc

import pytest

from release.core import collector


def test_it_rests_inside_and_works_again_after_a_failure() -> None:
    with pytest.raises(ValueError, match="no tag"), collector.at_rest():
        assert not gc.isenabled()
        raise ValueError("no tag")

    assert gc.isenabled()


def test_whoever_had_it_off_before_has_it_off_afterwards() -> None:
    with collector.at_rest():
        with collector.at_rest():
            pass
        assert not gc.isenabled()

    assert gc.isenabled()
