"""The generated roles are enough for the whole way, in a sandbox that refuses what no policy allows."""

from typing import Any

import pytest

from release.core.permissions import needs_of
from tests.e2e.texts import PRIMARY, REPLICA
from tests.permissions.roles import Guarded

pytestmark = pytest.mark.prove  # a minute of processes

Way = tuple[Guarded, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def travelled(guarded: Guarded) -> Way:
    """From a merge to production in two regions, and back in QA; and the calls that roles have made."""
    world = guarded.world
    guarded.release("build", "build")
    guarded.through("deploy", "dev")
    guarded.through("promote", "qa")
    world.change("2")
    guarded.release("build", "build")
    guarded.through("deploy", "dev")  # a canary
    guarded.through("promote", "qa")
    guarded.through("promote", "prod", "--reason", "a change request")
    guarded.through("rollback", "qa", "--reason", "the first was better")
    return guarded, guarded.calls_of_roles()


def test_the_generated_roles_are_enough_from_merge_to_production_and_back(travelled: Way) -> None:
    world = travelled[0].world

    assert world.says("orders", "prod", PRIMARY) == world.says("orders", "prod", REPLICA) == "2"
    assert world.says("orders", "qa", PRIMARY) == "1"


def test_no_call_of_a_role_was_refused_and_all_are_known_to_be_its_own(travelled: Way) -> None:
    _, calls = travelled

    kinds = {call["role"].removeprefix("release-") for call in calls}
    assert kinds == {"build", "read", "plan", "deploy"}
    assert [call for call in calls if call["status"] in (401, 403)] == []
    unknown = {
        (call["role"], call["service"], call["operation"])
        for call in calls
        if needs_of(call["service"], call["operation"], call["role"].removeprefix("release-")) is None
    }
    assert unknown == set()
