"""What an alias may point to, and who may move it."""

from typing import Any

import pytest

from tests.sandbox.calls import ECHO, create_function, execution_role, publish, refused, settled
from tests.sandbox.conftest import Client


@pytest.fixture
def functions(client: Client, account: str) -> Any:
    """Lambda with the function `orders`, its versions 1 and 2, and the alias `live` on 1."""
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    publish(functions, ECHO % 1)
    publish(functions, ECHO % 2)
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1", Description="v1.0.0")
    return functions


def move(functions: Any, version: str, **arguments: Any) -> dict[str, Any]:
    answer: dict[str, Any] = functions.update_alias(
        FunctionName="orders", Name="live", FunctionVersion=version, **arguments
    )
    return answer


def test_an_alias_moved_by_somebody_else_is_not_moved_with_the_old_revision(functions: Any) -> None:
    seen = functions.get_alias(FunctionName="orders", Name="live")["RevisionId"]
    theirs = move(functions, "2", RevisionId=seen)

    answer = refused(
        functions.update_alias, FunctionName="orders", Name="live", FunctionVersion="1", RevisionId=seen
    )
    assert answer[:2] == ("PreconditionFailedException", 412)
    now = functions.get_alias(FunctionName="orders", Name="live")
    assert (now["FunctionVersion"], now["RevisionId"]) == ("2", theirs["RevisionId"])


def test_an_alias_is_created_once(functions: Any) -> None:
    answer = refused(functions.create_alias, FunctionName="orders", Name="live", FunctionVersion="2")

    assert answer[:2] == ("ResourceConflictException", 409)
    assert functions.get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "1"


def test_a_deleted_alias_is_gone_and_its_version_stays(functions: Any) -> None:
    functions.delete_alias(FunctionName="orders", Name="live")

    answer = refused(functions.get_alias, FunctionName="orders", Name="live")
    assert answer[:2] == ("ResourceNotFoundException", 404)
    assert settled(functions, "orders", "1")["Version"] == "1"


def test_a_version_that_an_alias_serves_is_not_deleted(functions: Any) -> None:
    move(functions, "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})

    for version in ("1", "2"):
        answer = refused(functions.delete_function, FunctionName="orders", Qualifier=version)
        assert answer[:2] == ("ResourceConflictException", 409)


@pytest.mark.parametrize(
    ("version", "weights", "code", "status"),
    [
        ("9", {}, "ResourceNotFoundException", 404),
        ("1", {"9": 0.1}, "ResourceNotFoundException", 404),
        ("1", {"1": 0.1}, "InvalidParameterValueException", 400),
        ("1", {"2": 0.1, "3": 0.1}, "InvalidParameterValueException", 400),
        ("$LATEST", {"2": 0.1}, "InvalidParameterValueException", 400),
        ("1", {"$LATEST": 0.1}, "InvalidParameterValueException", 400),
        ("1", {"2": 1.5}, "InvalidParameterValueException", 400),
    ],
)
def test_routing_that_aws_refuses_leaves_the_alias_alone(
    functions: Any, version: str, weights: dict[str, float], code: str, status: int
) -> None:
    publish(functions, ECHO % 3)
    before = functions.get_alias(FunctionName="orders", Name="live")["RevisionId"]
    arguments = {"FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": weights}}

    answer = refused(functions.update_alias, FunctionName="orders", Name="live", **arguments)
    assert answer[:2] == (code, status)
    refused(functions.create_alias, FunctionName="orders", Name="other", **arguments)
    assert functions.get_alias(FunctionName="orders", Name="live")["RevisionId"] == before


def test_versions_with_different_roles_do_not_share_an_alias(functions: Any, account: str) -> None:
    role = execution_role(functions.meta.endpoint_url, account, "another")
    functions.update_function_configuration(FunctionName="orders", Role=role)
    settled(functions, "orders")
    other = publish(functions, ECHO % 3)

    answer = refused(
        functions.update_alias,
        FunctionName="orders",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {other: 0.1}},
    )
    assert answer[0] == "InvalidParameterValueException"
    assert "Role" in answer[2]


def test_weights_end_when_they_are_emptied(functions: Any) -> None:
    move(functions, "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    assert move(functions, "1")["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}
    assert "RoutingConfig" not in move(functions, "2", RoutingConfig={"AdditionalVersionWeights": {}})
