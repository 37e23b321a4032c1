"""What a caller may ask and what is answered."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainSerializer, StringConstraints

from common.validation import ApiModel

ProductId = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)*$", max_length=40)]

# An opaque id of the caller. E-mail addresses do not match: an id is logged by systems that we do not
# control.
UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]

# JSON has no decimals; the nearest double prints the same digits for every NUMBER(12, 4).
Money = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class PriceRequest(ApiModel):
    """Query of `GET /price?id=…&userId=…`. Unknown parameters are ignored: proxies add their own."""

    id: ProductId
    user_id: UserId


class PriceResponse(ApiModel):
    """`{"productId": "PROD-101", "price": 99.99, "currency": "USD"}`"""

    product_id: ProductId
    price: Annotated[Money, Field(ge=0, max_digits=12, decimal_places=4)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
