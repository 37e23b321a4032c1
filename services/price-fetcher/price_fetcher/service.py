"""The rule of this service: no price leaves without its audit item."""

from collections.abc import Callable
from datetime import datetime

from common.errors import NotFound
from price_fetcher.audit import Access, AuditTrail, Outcome
from price_fetcher.repository import Price, PriceBook


class PriceService:
    """Reads prices and records who read them."""

    def __init__(self, prices: PriceBook, audit: AuditTrail, now: Callable[[], datetime]) -> None:
        self._prices = prices
        self._audit = audit
        self._now = now

    def price_of(self, product_id: str, reader: str, request_id: str) -> Price:
        """The price of a product, after the read is on record.

        A read that finds nothing is recorded too: it tells what somebody was looking for. Raises NotFound,
        and DependencyUnavailable when the database or the audit table cannot be reached.
        """
        price = self._prices.find(product_id)
        outcome = Outcome.FOUND if price else Outcome.NOT_FOUND
        self._audit.record(Access(reader, f"price/{product_id}", self._now(), request_id, outcome))
        if price is None:
            raise NotFound("There is no price for this product.")
        return price
