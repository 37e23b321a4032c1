"""Plain JSON as DynamoDB writes it: {"S": …}, {"N": …}, …

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, assert_never

Json = str | int | float | Decimal | bool | None | list[Any] | Mapping[str, Any]


def attribute_value(value: Json) -> dict[str, Any]:
    """One value. Numbers keep the digits that they are written with when they are read as Decimal."""
    match value:
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case str():
            return {"S": value}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case list():
            return {"L": [attribute_value(one) for one in value]}
        case Mapping():
            return {"M": item(value)}
        case other:
            assert_never(other)


def item(values: Mapping[str, Any]) -> dict[str, Any]:
    """One item, or the keys of one: name -> value in DynamoDB's words."""
    return {name: attribute_value(value) for name, value in values.items()}
