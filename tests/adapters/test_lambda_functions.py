"""What the port `Functions` promises, for the fake and for the adapter in the sandbox."""

from pathlib import Path

import pytest

from release.errors import ForeignChange, Misconfigured
from tests.adapters.aws_worlds import NAME, FakeWorld, FunctionsWorld, SandboxWorld, live, released, zipped


@pytest.fixture(params=["fake", "sandbox"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> FunctionsWorld:
    if request.param == "fake":
        return FakeWorld()
    return SandboxWorld(request.getfixturevalue("account"), tmp_path)


def test_the_account_is_that_of_the_place(world: FunctionsWorld) -> None:
    assert world.functions.account(world.place) == world.place.account


def test_what_is_not_there_is_none(world: FunctionsWorld) -> None:
    assert world.functions.function(world.place, "nobody") is None
    assert world.functions.function(world.place, NAME, "7") is None
    assert world.functions.alias(world.place, NAME, "live") is None
    assert world.functions.versions(world.place, NAME) == ()


def test_a_published_version_has_the_code_and_configuration_of_latest(
    world: FunctionsWorld, tmp_path: Path
) -> None:
    version = released(world, tmp_path, 1)

    latest = world.functions.function(world.place, NAME)
    published = world.functions.settled(world.place, NAME, version)
    assert latest is not None
    assert published.code == latest.code == zipped(tmp_path, 1)[1]
    assert published.configuration == latest.configuration
    assert (published.lambda_version, published.state, published.last_update) == (version, "Active", "")
    assert (latest.lambda_version, latest.last_update) == ("$LATEST", "Successful")


def test_versions_are_listed_oldest_first_with_their_configuration(
    world: FunctionsWorld, tmp_path: Path
) -> None:
    first = released(world, tmp_path, 1)
    world.somebody_changes_the_function()
    second = released(world, tmp_path, 2)

    versions = world.functions.versions(world.place, NAME)
    assert [version.lambda_version for version in versions] == [first, second]
    assert [version.code for version in versions] == [zipped(tmp_path, number)[1] for number in (1, 2)]
    assert versions[0].configuration != versions[1].configuration
    for facts in versions:
        again = world.functions.function(world.place, NAME, facts.lambda_version)
        assert again is not None and again.configuration == facts.configuration


def test_publishing_again_without_a_change_gives_the_same_version(
    world: FunctionsWorld, tmp_path: Path
) -> None:
    version = released(world, tmp_path, 1)
    latest = world.functions.settled(world.place, NAME)

    again = world.functions.publish(
        world.place, NAME, code=latest.code, revision=latest.revision, description="release 1"
    )
    assert again == version
    assert len(world.functions.versions(world.place, NAME)) == 1


def test_a_stale_revision_changes_no_code(world: FunctionsWorld, tmp_path: Path) -> None:
    before = world.functions.settled(world.place, NAME)
    world.somebody_changes_the_function()
    code, digest = zipped(tmp_path, 1)

    with pytest.raises(ForeignChange, match=rf"{NAME} in {world.place}.*{before.code[:12]}"):
        world.functions.update_code(world.place, NAME, code, digest=digest, revision=before.revision)
    assert world.functions.settled(world.place, NAME).code == before.code


def test_the_revision_of_an_update_under_way_goes_stale(world: FunctionsWorld, tmp_path: Path) -> None:
    latest = world.functions.settled(world.place, NAME)
    code, digest = zipped(tmp_path, 1)
    world.functions.update_code(world.place, NAME, code, digest=digest, revision=latest.revision)
    under_way = world.functions.function(world.place, NAME)
    assert under_way is not None and under_way.last_update == "InProgress"

    # AWS answers 409 first: the adapter waits for the other update's end, then finds that it is too late.
    other, other_digest = zipped(tmp_path, 2)
    with pytest.raises(ForeignChange):
        world.functions.update_code(
            world.place, NAME, other, digest=other_digest, revision=under_way.revision
        )
    assert world.functions.settled(world.place, NAME).code == digest


def test_other_code_than_expected_is_not_published(world: FunctionsWorld, tmp_path: Path) -> None:
    released(world, tmp_path, 1)
    latest = world.functions.settled(world.place, NAME)

    with pytest.raises(ForeignChange, match=NAME):
        world.functions.publish(
            world.place, NAME, code="ab" * 32, revision=latest.revision, description="release 2"
        )
    assert len(world.functions.versions(world.place, NAME)) == 1


def test_a_stale_revision_publishes_nothing(world: FunctionsWorld, tmp_path: Path) -> None:
    latest = world.functions.settled(world.place, NAME)
    world.somebody_changes_the_function()

    with pytest.raises(ForeignChange, match=NAME):
        world.functions.publish(
            world.place, NAME, code=latest.code, revision=latest.revision, description="x"
        )
    assert world.functions.versions(world.place, NAME) == ()


def test_code_with_another_digest_than_announced_is_an_error(world: FunctionsWorld, tmp_path: Path) -> None:
    latest = world.functions.settled(world.place, NAME)

    with pytest.raises(Misconfigured, match="expected abababababab"):
        world.functions.update_code(
            world.place, NAME, zipped(tmp_path, 1)[0], digest="ab" * 32, revision=latest.revision
        )


def test_an_alias_is_created_once(world: FunctionsWorld, tmp_path: Path) -> None:
    first, second = released(world, tmp_path, 1), released(world, tmp_path, 2)
    created = live(world, first)
    assert (created.lambda_version, created.weights, created.description) == (first, {}, f"at {first}")

    assert live(world, first) == created == world.functions.alias(world.place, NAME, "live")
    with pytest.raises(ForeignChange, match=f"live of {NAME}|alias of {NAME}"):
        live(world, second)
    assert world.functions.alias(world.place, NAME, "live") == created


def test_an_alias_needs_a_version_that_exists(world: FunctionsWorld, tmp_path: Path) -> None:
    first = released(world, tmp_path, 1)
    with pytest.raises(ForeignChange):
        live(world, "77")

    created = live(world, first)
    with pytest.raises(ForeignChange):
        world.functions.update_alias(
            world.place, NAME, "live", lambda_version="77", revision=created.revision, description="x"
        )
    assert world.functions.alias(world.place, NAME, "live") == created


def test_moving_an_alias_clears_the_weights_that_a_canary_left(world: FunctionsWorld, tmp_path: Path) -> None:
    first, second = released(world, tmp_path, 1), released(world, tmp_path, 2)
    live(world, first)
    world.somebody_splits_traffic("live", second)
    split = world.functions.alias(world.place, NAME, "live")
    assert split is not None and split.weights == {second: 0.1}

    moved = world.functions.update_alias(
        world.place, NAME, "live", lambda_version=second, revision=split.revision, description="all of it"
    )
    assert (moved.lambda_version, moved.weights, moved.description) == (second, {}, "all of it")
    assert world.functions.alias(world.place, NAME, "live") == moved


def test_an_alias_that_somebody_moved_is_left_to_them(world: FunctionsWorld, tmp_path: Path) -> None:
    first, second = released(world, tmp_path, 1), released(world, tmp_path, 2)
    created = live(world, first)
    world.somebody_moves_the_alias("live", second)
    theirs = world.functions.alias(world.place, NAME, "live")

    with pytest.raises(ForeignChange, match=rf"{NAME} in {world.place}: now it serves version {second}"):
        world.functions.update_alias(
            world.place, NAME, "live", lambda_version=second, revision=created.revision, description="ours"
        )
    assert world.functions.alias(world.place, NAME, "live") == theirs


def test_deleting_an_alias_twice_does_no_harm(world: FunctionsWorld, tmp_path: Path) -> None:
    live(world, released(world, tmp_path, 1))

    world.functions.delete_alias(world.place, NAME, "live")
    world.functions.delete_alias(world.place, NAME, "live")
    assert world.functions.alias(world.place, NAME, "live") is None


def test_an_invocation_says_which_version_it_was(world: FunctionsWorld, tmp_path: Path) -> None:
    first, second = released(world, tmp_path, 1), released(world, tmp_path, 2)
    live(world, second)

    for qualifier, version in ((first, first), ("live", second)):
        answer = world.functions.invoke(world.place, NAME, qualifier, b"{}", timeout=10)
        assert (answer.status, answer.function_error, answer.executed_version) == (200, None, version)
    with pytest.raises(ForeignChange, match=f"{NAME}:77"):
        world.functions.invoke(world.place, NAME, "77", b"{}", timeout=10)


def test_a_function_that_is_gone_ends_the_wait(world: FunctionsWorld) -> None:
    with pytest.raises(ForeignChange, match="nobody"):
        world.functions.settled(world.place, "nobody")
