"""Prices of products. Every read is on record before its answer leaves."""

from common.errors import NotFound
from common.routes import Route
from price_fetcher.schema import PriceRequest, PriceResponse

PRICE = Route(
    operation="getPrice",
    method="GET",
    path="/price",
    summary="The price of a product, on record as read by the user",
    query=PriceRequest,
    answer=PriceResponse,
    refusals=(NotFound,),
)
ROUTES = (PRICE,)
