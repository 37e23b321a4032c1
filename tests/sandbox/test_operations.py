"""Requests of REST services are called what AWS calls them."""

import re

import pytest

from release.sandbox.operations import Route, described, named_by_path, named_by_word, services

# Superseded operations whose requests look like those of their successors, and one that only its host tells.
ALIKE = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}


def request_of(route: Route) -> tuple[str, str, dict[str, str], frozenset[str]]:
    path = re.sub(r"\(\[\^/\]\+\)|\(\.\+\)", "some%20name", route.path.pattern.removesuffix("/?"))
    query = {name: value or "" for name, value in route.fixed.items()}
    return route.method, path.replace("\\", "") or "/", query, route.headers


@pytest.mark.parametrize("client", ["lambda", "s3", "apigateway", "apigatewayv2", "scheduler", "efs", "eks"])
def test_every_operation_is_told_from_all_others(client: str) -> None:
    description = described(client)
    assert description is not None and len(description.routes) == len(description.operations)
    signing_name = client.removesuffix("v2")

    for route in description.routes:
        named = named_by_path(signing_name, *request_of(route))
        expected = ALIKE.get(route.operation, route.operation)
        assert (named.client, named.operation) == (client, expected)
        assert set(named.labels) <= {"some name"}


def test_a_request_that_no_description_knows_has_no_operation() -> None:
    assert named_by_path("lambda", "GET", "/no/such/path", {}, ()).operation == ""
    assert named_by_path("no-such-service", "GET", "/", {}, ()).operation == ""
    assert named_by_path("../../../etc", "GET", "/", {}, ()).operation == ""


def test_services_are_named_as_their_clients_are() -> None:
    assert named_by_word("monitoring", "GetMetricData").client == "cloudwatch"
    assert named_by_word("states", "StartExecution").client == "stepfunctions"
    assert named_by_word("dynamodb", "GetRecords").client == "dynamodbstreams"
    assert named_by_word("dynamodb", "GetItem").client == "dynamodb"
    assert {"lambda", "cloudwatch", "stepfunctions"} <= set(services())
