"""What an alias may point to, and how it moves."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from tests.contract.planes import NAME, Plane, create, published, refused, settled
from tests.contract.sources import source

STALE = (412, "PreconditionFailedException")
INVALID = (400, "InvalidParameterValueException")
CONFLICT = (409, "ResourceConflictException")
MISSING = (404, "ResourceNotFoundException")
ROUTING = "lambda/latest/dg/configuring-alias-routing.html"


def live(plane: Plane, version: str = "1", **settings: Any) -> Any:
    wanted = {"FunctionName": NAME, "Name": "live", "FunctionVersion": version, **settings}
    return plane.functions.create_alias(**wanted)


def weights(alias: Any) -> dict[str, float]:
    return (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}


@pytest.fixture
def two(plane: Plane) -> Plane:
    """Versions 1 and 2."""
    create(plane)
    published(plane, 1)
    published(plane, 2)
    return plane


@source("lambda/latest/api/API_CreateAlias.html")
def test_an_alias_is_created_once(two: Plane) -> None:
    created = live(two, "1", Description="first")
    wanted = {"FunctionName": NAME, "Name": "live", "FunctionVersion": "2"}
    assert refused(two.functions.create_alias, **wanted) == CONFLICT
    now = two.functions.get_alias(FunctionName=NAME, Name="live")
    assert (now["FunctionVersion"], now["Description"]) == ("1", "first")
    assert now["RevisionId"] == created["RevisionId"]
    assert now["AliasArn"].endswith(f":{NAME}:live")


@source("lambda/latest/api/API_CreateAlias.html")
def test_an_alias_needs_a_version_that_exists(two: Plane) -> None:
    wanted = {"FunctionName": NAME, "Name": "live", "FunctionVersion": "77"}
    assert refused(two.functions.create_alias, **wanted) == MISSING
    live(two)
    assert refused(two.functions.update_alias, **wanted) == MISSING
    assert refused(two.functions.get_alias, FunctionName=NAME, Name="other") == MISSING
    other = {"FunctionName": NAME, "Name": "other", "FunctionVersion": "1"}
    assert refused(two.functions.update_alias, **other) == MISSING


@source("lambda/latest/api/API_CreateAlias.html")
@pytest.mark.parametrize("name", ["7", "$LATEST", "with space"])
def test_the_name_of_an_alias_is_no_number(two: Plane, name: str) -> None:
    with pytest.raises((ClientError, ParamValidationError)):
        two.functions.create_alias(FunctionName=NAME, Name=name, FunctionVersion="1")


@source("lambda/latest/api/API_UpdateAlias.html")
def test_an_alias_that_somebody_moved_is_not_moved_with_the_old_revision(two: Plane) -> None:
    old = live(two)["RevisionId"]
    update = two.functions.update_alias
    update(FunctionName=NAME, Name="live", FunctionVersion="2")
    wanted = {"FunctionName": NAME, "Name": "live", "FunctionVersion": "1"}
    assert refused(update, RevisionId=old, **wanted) == STALE
    now = two.functions.get_alias(FunctionName=NAME, Name="live")
    assert now["FunctionVersion"] == "2"
    assert update(RevisionId=now["RevisionId"], **wanted)["FunctionVersion"] == "1"


@source(ROUTING)
@pytest.mark.parametrize(
    ("main", "additional"),
    [
        ("$LATEST", {"2": 0.1}),
        ("1", {"$LATEST": 0.1}),
        ("1", {"1": 0.1}),
        ("1", {"2": 1.5}),
        ("1", {"2": 0.1, "3": 0.1}),
    ],
    ids=["$LATEST first", "$LATEST second", "the same twice", "more than all", "three versions"],
)
def test_routing_that_is_not_between_two_published_versions_is_refused(
    two: Plane, main: str, additional: dict[str, float]
) -> None:
    published(two, 3)
    live(two)
    wanted = {"FunctionName": NAME, "Name": "live", "FunctionVersion": main}
    routing = {"AdditionalVersionWeights": additional}
    status, _ = refused(two.functions.update_alias, RoutingConfig=routing, **wanted)
    assert status == 400
    now = two.functions.get_alias(FunctionName=NAME, Name="live")
    assert (now["FunctionVersion"], weights(now)) == ("1", {})


@source(ROUTING)
def test_routing_to_a_version_that_does_not_exist_is_refused(two: Plane) -> None:
    live(two)
    routing = {"AdditionalVersionWeights": {"77": 0.1}}
    wanted = {"FunctionName": NAME, "Name": "live", "RoutingConfig": routing}
    assert refused(two.functions.update_alias, **wanted) == MISSING


@source(ROUTING)
def test_two_versions_of_an_alias_have_one_role(plane: Plane) -> None:
    create(plane)
    published(plane, 1)
    plane.functions.update_function_configuration(FunctionName=NAME, Role=plane.role("other"))
    settled(plane)
    published(plane, 2)
    live(plane)
    routing = {"AdditionalVersionWeights": {"2": 0.1}}
    wanted = {"FunctionName": NAME, "Name": "live", "RoutingConfig": routing}
    assert refused(plane.functions.update_alias, **wanted) == INVALID


@source(ROUTING)
def test_two_versions_of_an_alias_have_one_dead_letter_setting(plane: Plane) -> None:
    create(plane)
    published(plane, 1)
    dead_letters = {"TargetArn": plane.queue()}
    plane.functions.update_function_configuration(FunctionName=NAME, DeadLetterConfig=dead_letters)
    settled(plane)
    published(plane, 2)
    live(plane)
    routing = {"AdditionalVersionWeights": {"2": 0.1}}
    wanted = {"FunctionName": NAME, "Name": "live", "RoutingConfig": routing}
    assert refused(plane.functions.update_alias, **wanted) == INVALID


@source("lambda/latest/api/API_UpdateAlias.html")
def test_weights_stay_until_they_are_emptied(two: Plane) -> None:
    live(two, RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    update = two.functions.update_alias
    assert weights(update(FunctionName=NAME, Name="live", Description="a word")) == {"2": 0.1}
    emptied = update(FunctionName=NAME, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert weights(emptied) == {}
    assert emptied["FunctionVersion"] == "1"


@source("lambda/latest/api/API_DeleteAlias.html")
def test_a_deleted_alias_is_gone_its_version_stays_and_deleting_again_does_no_harm(two: Plane) -> None:
    live(two)
    for _ in range(2):
        two.functions.delete_alias(FunctionName=NAME, Name="live")
    assert refused(two.functions.get_alias, FunctionName=NAME, Name="live") == MISSING
    assert settled(two, "1")["Version"] == "1"


@source("lambda/latest/api/API_DeleteFunction.html")
@pytest.mark.parametrize("version", ["1", "2"], ids=["main", "additional"])
def test_a_version_that_an_alias_serves_is_not_deleted(two: Plane, version: str) -> None:
    live(two, RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    wanted = {"FunctionName": NAME, "Qualifier": version}
    assert refused(two.functions.delete_function, **wanted) == CONFLICT
    two.functions.delete_alias(FunctionName=NAME, Name="live")
    two.functions.delete_function(**wanted)
    assert refused(two.functions.get_function, **wanted) == MISSING
