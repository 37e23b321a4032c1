"""Which version answers an invocation, and what the answer says."""

import json
from collections import Counter
from typing import Any

import pytest

from tests.contract.planes import NAME, Plane, create, published, refused
from tests.contract.sources import source

INVOKE = "lambda/latest/api/API_Invoke.html"


def call(plane: Plane, qualifier: str | None = None, event: object = None, **options: Any) -> Any:
    wanted = {"FunctionName": NAME, "Payload": json.dumps(event or {}).encode(), **options}
    return plane.functions.invoke(**({"Qualifier": qualifier} if qualifier else {}), **wanted)


@source(INVOKE)
def test_a_version_and_an_alias_run_the_code_that_they_name(plane: Plane) -> None:
    create(plane, 0)
    first, second = published(plane, "one"), published(plane, "two")
    plane.functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion=first)
    for qualifier, version, release in (
        (first, first, "one"),
        ("live", first, "one"),
        (second, second, "two"),
        ("$LATEST", "$LATEST", "two"),
        (None, "$LATEST", "two"),
    ):
        answer = call(plane, qualifier)
        assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, version)
        assert json.load(answer["Payload"]) == {"release": release, "version": version}


@source(INVOKE)
def test_a_failing_function_answers_200_with_a_function_error(plane: Plane) -> None:
    create(plane)
    answer = call(plane, event={"fail": True})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    said = json.load(answer["Payload"])
    assert (said["errorType"], said["errorMessage"]) == ("ValueError", "no such order")
    assert "FunctionError" not in call(plane)


@source(INVOKE)
@pytest.mark.parametrize("qualifier", ["77", "nobody"])
def test_a_qualifier_that_does_not_exist_is_not_found(plane: Plane, qualifier: str) -> None:
    create(plane)
    wanted = {"FunctionName": NAME, "Qualifier": qualifier}
    assert refused(plane.functions.invoke, **wanted) == (404, "ResourceNotFoundException")


@source("lambda/latest/dg/configuring-alias-routing.html")
def test_a_canary_gets_its_share_and_says_which_version_it_was(plane: Plane) -> None:
    create(plane, 0)
    first, second = published(plane, "one"), published(plane, "two")
    routing = {"AdditionalVersionWeights": {second: 0.3}}
    plane.functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion=first, RoutingConfig=routing)
    seen = Counter[str]()
    for _ in range(60):
        answer = call(plane, "live")
        assert json.load(answer["Payload"])["version"] == answer["ExecutedVersion"]
        seen[answer["ExecutedVersion"]] += 1
    assert set(seen) == {first, second}
    assert 6 <= seen[second] <= 32  # 18 expected; outside once in ten thousand runs


@source("lambda/latest/dg/configuration-concurrency.html")
def test_reserved_concurrency_of_zero_throttles_every_version(plane: Plane) -> None:
    create(plane)
    version = published(plane, 1)
    plane.functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    throttled = (429, "TooManyRequestsException")
    assert refused(plane.functions.invoke, FunctionName=NAME, Qualifier=version) == throttled
    reserved = plane.functions.get_function(FunctionName=NAME)["Concurrency"]
    assert reserved == {"ReservedConcurrentExecutions": 0}
    plane.functions.delete_function_concurrency(FunctionName=NAME)
    assert call(plane, version)["StatusCode"] == 200


@source(INVOKE)
@pytest.mark.parametrize(("kind", "status"), [("Event", 202), ("DryRun", 204)])
def test_an_invocation_that_nobody_waits_for_says_that_it_was_taken(
    plane: Plane, kind: str, status: int
) -> None:
    create(plane)
    answer = call(plane, InvocationType=kind)
    assert (answer["StatusCode"], answer["Payload"].read()) == (status, b"")


@source(INVOKE)
def test_a_payload_that_is_no_json_is_refused(plane: Plane) -> None:
    create(plane)
    answer = refused(plane.functions.invoke, FunctionName=NAME, Payload=b"{nope")
    assert answer == (400, "InvalidRequestContentException")


@source("lambda/latest/dg/configuration-versions.html")
def test_what_is_not_published_does_not_reach_a_version(plane: Plane) -> None:
    create(plane, 0)
    version = published(plane, "one")
    published(plane, "two")
    assert json.load(call(plane, version)["Payload"])["release"] == "one"
