"""How a function and its versions come to rest, and what is refused until then."""

from collections.abc import Iterator
from typing import Any

import pytest

from release.sandbox.session import Sandbox
from tests.contract.conftest import Client
from tests.contract.planes import (
    NAME,
    Plane,
    SandboxPlane,
    create,
    published,
    refused,
    settled,
    shown,
    start_creating,
    zipped,
)
from tests.contract.sources import source

pytestmark = pytest.mark.xdist_group("states of a slow sandbox")  # or each worker would start its sandbox
BUSY = (409, "ResourceConflictException")
STATES = "lambda/latest/dg/functions-states.html"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Updates last long enough to be seen."""
    with Sandbox.start(settle_seconds=0.4) as started:
        yield started


@source(STATES)
def test_a_new_function_is_pending_and_then_active(plane: Plane) -> None:
    assert start_creating(plane)["State"] == "Pending"
    assert settled(plane)["State"] == "Active"


@source(STATES)
def test_an_update_is_in_progress_and_then_successful(plane: Plane) -> None:
    create(plane)
    plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    assert shown(plane)["LastUpdateStatus"] == "InProgress"
    assert settled(plane)["LastUpdateStatus"] == "Successful"


@source(STATES)
def test_an_active_function_stays_active_and_serves_while_it_is_updated(plane: Plane) -> None:
    create(plane)
    plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    assert shown(plane)["State"] == "Active"
    assert plane.functions.invoke(FunctionName=NAME)["StatusCode"] == 200


@source(STATES)
@pytest.mark.parametrize("update", ["code", "configuration"])
def test_no_update_starts_while_another_is_in_progress(plane: Plane, update: str) -> None:
    create(plane)
    plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    if update == "code":
        answer = refused(plane.functions.update_function_code, FunctionName=NAME, ZipFile=zipped(2))
    else:
        answer = refused(plane.functions.update_function_configuration, FunctionName=NAME, MemorySize=512)
    assert answer == BUSY
    assert settled(plane)["MemorySize"] == 128


@source("lambda/latest/api/API_PublishVersion.html")
def test_nothing_is_published_while_an_update_is_in_progress(plane: Plane) -> None:
    create(plane)
    plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    assert refused(plane.functions.publish_version, FunctionName=NAME) == BUSY
    assert len(plane.functions.list_versions_by_function(FunctionName=NAME)["Versions"]) == 1


@source(STATES)
def test_a_new_version_is_pending_and_not_invoked_before_it_is_active(plane: Plane) -> None:
    create(plane)
    version = plane.functions.publish_version(FunctionName=NAME)
    assert version["State"] == "Pending"
    number = version["Version"]
    assert refused(plane.functions.invoke, FunctionName=NAME, Qualifier=number) == BUSY
    settled(plane, number)
    assert plane.functions.invoke(FunctionName=NAME, Qualifier=number)["StatusCode"] == 200


@source("lambda/latest/api/API_ListFunctions.html")
def test_lists_omit_how_a_function_is(plane: Plane) -> None:
    create(plane)
    published(plane, 1)
    listed = plane.functions.list_functions()["Functions"]
    listed += plane.functions.list_versions_by_function(FunctionName=NAME)["Versions"]
    assert len(listed) == 3
    assert [one for one in listed if {"State", "LastUpdateStatus"} & one.keys()] == []


@source("lambda/latest/api/API_GetFunction.html")
def test_what_is_not_there_is_not_found(plane: Plane) -> None:
    missing = (404, "ResourceNotFoundException")
    assert refused(plane.functions.get_function, FunctionName="nobody") == missing
    create(plane)
    assert refused(plane.functions.get_function, FunctionName=NAME, Qualifier="7") == missing
    assert refused(plane.functions.publish_version, FunctionName="nobody") == missing
    assert refused(plane.functions.update_function_code, FunctionName="nobody", ZipFile=zipped(1)) == missing


@source("lambda/latest/api/API_CreateFunction.html")
def test_a_name_is_given_once(plane: Plane) -> None:
    first = create(plane)
    wanted = {"Runtime": "python3.13", "Handler": "app.handler", "Role": plane.role()}
    code = {"ZipFile": zipped(9)}
    assert refused(plane.functions.create_function, FunctionName=NAME, Code=code, **wanted) == BUSY
    assert shown(plane)["CodeSha256"] == first["CodeSha256"]


@source("lambda/latest/api/API_CreateFunction.html")
def test_the_execution_role_exists(plane: Plane) -> None:
    invalid = (400, "InvalidParameterValueException")
    missing = plane.role().rsplit("/", 1)[0] + "/nobody"
    wanted = {"Runtime": "python3.13", "Handler": "app.handler", "Code": {"ZipFile": zipped(1)}}
    assert refused(plane.functions.create_function, FunctionName=NAME, Role=missing, **wanted) == invalid
    role = create(plane)["Role"]
    assert refused(plane.functions.update_function_configuration, FunctionName=NAME, Role=missing) == invalid
    assert shown(plane)["Role"] == role


@source("lambda/latest/dg/lambda-runtimes.html")
def test_the_runtime_is_one_that_aws_has(plane: Plane) -> None:
    invalid = (400, "InvalidParameterValueException")
    wanted = {"Handler": "app.handler", "Role": plane.role(), "Code": {"ZipFile": zipped(1)}}
    create_function = plane.functions.create_function
    assert refused(create_function, FunctionName=NAME, Runtime="python2.99", **wanted) == invalid
    create(plane)
    update = plane.functions.update_function_configuration
    assert refused(update, FunctionName=NAME, Runtime="python2.99") == invalid
    assert shown(plane)["Runtime"] == "python3.13"


LONG = {"Environment": {"Variables": {"LONG": "x" * 4096}}}
RESERVED = {"Environment": {"Variables": {"AWS_REGION": "eu-west-1"}}}


@source("lambda/latest/api/API_UpdateFunctionConfiguration.html")
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"MemorySize": 10_241}, "ValidationException"),
        ({"Timeout": 901}, "ValidationException"),
        ({"Handler": "app handler"}, "ValidationException"),
        (LONG, "InvalidParameterValueException"),
        (RESERVED, "InvalidParameterValueException"),
    ],
    ids=["memory", "time-out", "handler", "long variables", "reserved variable"],
)
def test_settings_that_lambda_does_not_have_change_nothing(
    client: Client, settings: dict[str, Any], code: str
) -> None:
    plane = SandboxPlane(client)
    before = create(plane)
    answer = refused(plane.functions.update_function_configuration, FunctionName=NAME, **settings)
    assert answer == (400, code)
    assert settled(plane) == before
