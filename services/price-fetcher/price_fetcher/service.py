"""What this service knows about prices, free of HTTP, SQL and AWS."""

from common.errors import NotFound
from price_fetcher.repository import Price, PriceBook


def price_of(product_id: str, prices: PriceBook) -> Price:
    """The price of a product. Raises NotFound, and DependencyUnavailable when the database is away."""
    price = prices.find(product_id)
    if price is None:
        raise NotFound("There is no price for this product.")
    return price
