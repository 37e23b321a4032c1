"""Events that are made for trying are events: Powertools' models and data classes read them."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import (
    APIGatewayProxyEventV2,
    DynamoDBStreamEvent,
    SQSEvent,
)
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayProxyEventV2Model,
    DynamoDBStreamModel,
    SqsModel,
)
from click.testing import CliRunner

from release.cli.local_event import command
from release.core.http_api import HttpCall
from release.errors import Misconfigured
from release.local.events import Origin, apigateway

ORIGIN = Origin("123456789012", "us-east-1", datetime(2026, 11, 22, tzinfo=UTC))


def made(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_request_is_one_to_powertools() -> None:
    event = made(
        *("apigateway", "--method", "put", "--path", "/config/ana", "--route", "PUT /config/{userId}"),
        *("--query", "a=1", "--query", "a=2 3", "--header", "X-One=1", "--body", '{"theme": "dark"}'),
    )

    model = parse(event=event, model=APIGatewayProxyEventV2Model)
    assert model.requestContext.http.method == "PUT"
    read = APIGatewayProxyEventV2(event)
    assert read.path_parameters == {"userId": "ana"}
    assert read.query_string_parameters == {"a": "1,2 3"}
    assert read.json_body == {"theme": "dark"}
    assert read.headers["x-one"] == "1"
    assert read.route_key == "PUT /config/{userId}"


def test_a_request_with_bytes_is_in_base64(tmp_path: Any) -> None:
    (tmp_path / "image").write_bytes(b"\x89PNG")
    event = made("apigateway", "--body", f"@{tmp_path / 'image'}", "--header", "content-type=image/png")

    assert parse(event=event, model=APIGatewayProxyEventV2Model).isBase64Encoded
    assert base64.b64decode(event["body"]) == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "name", "images"),
    [
        (("--new", '{"total": 9.50}'), "INSERT", {"NewImage"}),
        (("--new", '{"total": 2}', "--old", '{"total": 1}'), "MODIFY", {"NewImage", "OldImage"}),
        (("--old", '{"total": 1}'), "REMOVE", {"OldImage"}),
        ((), "INSERT", {"NewImage"}),
    ],
)
def test_a_change_of_an_item_is_one_to_powertools(
    words: tuple[str, ...], name: str, images: set[str]
) -> None:
    event = made("stream", "--table", "orders", "--keys", '{"id": "1"}', *words)

    record = parse(event=event, model=DynamoDBStreamModel).Records[0]
    assert record.eventName == name
    change = event["Records"][0]["dynamodb"]
    assert {"NewImage", "OldImage"} & set(change) == images
    assert all(change[image]["id"] == {"S": "1"} for image in images)
    read = next(DynamoDBStreamEvent(event).records)
    assert read.dynamodb is not None
    assert read.dynamodb.keys == {"id": "1"}


def test_messages_of_a_queue_are_some_to_powertools() -> None:
    assert made("sqs", "--queue", "orders.fifo")["Records"][0]["eventSourceARN"].endswith(":orders.fifo")
    event = made("sqs", "--queue", "orders", "--body", '{"id": "1"}', "--body", "two")

    assert [one.body for one in parse(event=event, model=SqsModel).Records] == ['{"id": "1"}', "two"]
    first, second = SQSEvent(event).records
    assert first.json_body == {"id": "1"}
    assert first.message_id != second.message_id
    assert first.event_source_arn.endswith(":orders")


def test_a_route_that_does_not_take_the_path_is_refused() -> None:
    with pytest.raises(Misconfigured, match="does not take GET /price"):
        apigateway(HttpCall("GET", "/price"), ORIGIN, route="GET /config/{userId}")


@pytest.mark.parametrize(
    "words",
    [
        ("apigateway", "--path", "price"),
        ("apigateway", "--query", "id"),
        ("apigateway", "--body", "@/nowhere/at-all"),
        ("stream", "--keys", "id=1"),
        ("stream", "--new", "[1]"),
        ("stream", "--table", "my orders"),
        ("sqs", "--queue", "my.queue"),
        ("sqs", "--queue", ""),
    ],
)
def test_what_cannot_be_made_into_an_event_is_refused_with_a_way_out(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(command, words)

    assert isinstance(done.exception, Misconfigured)
    assert done.exception.fix
