"""Plain JSON in DynamoDB's words, held to boto3's own serializer."""

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from release.core.attribute_values import attribute_value, item


@pytest.mark.parametrize(
    "value",
    ["", "text", 0, -7, True, False, None, Decimal("1.50"), [], ["a", 1, None], {}, {"a": {"b": [True, {}]}}],
)
def test_a_value_is_written_as_boto3_writes_it(value: Any) -> None:
    assert attribute_value(value) == TypeSerializer().serialize(value)


def test_an_item_has_a_value_for_every_name() -> None:
    assert item({"id": "1", "total": 9.5}) == {"id": {"S": "1"}, "total": {"N": "9.5"}}
