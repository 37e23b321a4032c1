"""Reads of an alias that do not know yet what was written: aliases are eventually consistent."""

from collections.abc import Callable
from typing import Any

import pytest

from release.core.models import Place
from release.core.snapshot import AliasFacts
from release.errors import ForeignChange, Unavailable
from tests.fakes.aws import ApiCall, FakeFunctions

HERE = Place("111111111111", "us-east-1")
NAME = "price-fetcher"


class Lagging:
    """Functions whose reads of aliases lag behind: each of the next `late` answers what was before."""

    def __init__(self) -> None:
        self.functions = FakeFunctions()
        self.late = 0
        self._writes = 0.0
        self.functions.model.clock = lambda: self._writes
        self.functions.add_function(HERE, NAME)
        client = self.functions.model.client(HERE)
        client.publish_version(FunctionName=NAME)
        for number in range(2):
            self.functions.change_function(HERE, NAME, configuration=f"change {number}")
            client.publish_version(FunctionName=NAME)
        self.functions.way = self._way

    def _way(self, call: ApiCall, answer: Callable[..., Any]) -> Any:
        if call.method == "get_alias" and self.late:
            self.late -= 1
            return self.functions.model.alias_as_of(HERE, call.wanted, self._writes - 1)
        if call.method in ("create_alias", "update_alias", "delete_alias"):
            self._writes += 1
        return answer(**call.wanted)

    def create(self, version: str) -> AliasFacts:
        return self.functions.create_alias(
            HERE, NAME, "live", lambda_version=version, description=f"ours {version}"
        )

    def move(self, version: str, over: AliasFacts) -> AliasFacts:
        return self.functions.update_alias(
            HERE,
            NAME,
            "live",
            lambda_version=version,
            revision=over.revision,
            description=f"ours {version}",
        )

    def read(self) -> AliasFacts | None:
        return self.functions.alias(HERE, NAME, "live")


@pytest.fixture
def lagging() -> Lagging:
    return Lagging()


def test_what_we_have_written_is_what_we_read(lagging: Lagging) -> None:
    created = lagging.create("1")
    lagging.late = 3
    assert lagging.read() == created
    moved = lagging.move("2", created)
    lagging.late = 3
    assert lagging.read() == moved


def test_what_another_hand_writes_after_us_is_read_at_once(lagging: Lagging) -> None:
    lagging.move("2", lagging.create("1"))
    lagging.functions.change_alias(HERE, NAME, "live", lambda_version="3")
    facts = lagging.read()
    assert facts is not None
    assert facts.lambda_version == "3"


def test_what_we_have_deleted_is_gone(lagging: Lagging) -> None:
    lagging.create("1")
    assert lagging.read() is not None
    lagging.functions.delete_alias(HERE, NAME, "live")
    lagging.late = 3
    assert lagging.read() is None


def test_what_we_have_created_and_somebody_deleted_is_gone_in_the_end(lagging: Lagging) -> None:
    lagging.create("1")
    lagging.functions.remove_alias(HERE, NAME, "live")
    assert lagging.read() is None


def test_a_refused_move_reads_on_until_it_sees_who_was_there_before(lagging: Lagging) -> None:
    created = lagging.create("1")
    lagging.functions.change_alias(HERE, NAME, "live", lambda_version="3")
    lagging.late = 3
    with pytest.raises(ForeignChange, match="now it serves version 3"):
        lagging.move("2", created)


def test_a_read_that_stays_behind_is_no_answer(lagging: Lagging) -> None:
    lagging.move("2", lagging.create("1"))
    lagging.late = 1000
    with pytest.raises(Unavailable, match="as it was before our own change"):
        lagging.read()
