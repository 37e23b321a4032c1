"""Prices in the SQL database. Statements are built by SQLAlchemy Core, so every value is a bind variable.

What METADATA says is what the migrations make (tests/test_migrations.py holds them together).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any, Protocol

from sqlalchemy import Column, DateTime, Engine, MetaData, Numeric, String, Table, bindparam, insert, select
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

from common.reads import AuditedReads

DEPENDENCY = "database"


class _DecimalText(TypeDecorator[Decimal]):
    """Exact decimals where a database has none (SQLite would make doubles of them)."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


METADATA = MetaData()
PRICES = Table(
    "prices",
    METADATA,
    Column("product_id", String(40), primary_key=True),
    Column("amount", Numeric(12, 4).with_variant(_DecimalText(), "sqlite"), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("changed_at", DateTime),  # for who loads prices; no answer has it
)
PRICE_OF = select(PRICES.c.product_id, PRICES.c.amount, PRICES.c.currency).where(
    PRICES.c.product_id == bindparam("product_id")
)


@dataclass(frozen=True, slots=True)
class Price:
    """What one product costs."""

    product_id: str
    amount: Decimal
    currency: str


class PriceBook(Protocol):
    """Where prices are read."""

    def find(self, product_id: str) -> Price | None:
        """The price of a product, None when there is none. Raises DependencyUnavailable."""
        ...


class SqlPriceBook:
    """PriceBook on any database that SQLAlchemy speaks. It can read nothing without saying what."""

    def __init__(self, reads: AuditedReads) -> None:
        self._reads = reads

    def find(self, product_id: str) -> Price | None:
        row = self._reads.one(PRICE_OF, {"product_id": product_id}, what=f"price/{product_id}")
        return None if row is None else Price(row.product_id, row.amount, row.currency)


def seed(engine: Engine, prices: Iterable[Price]) -> None:
    """Create the table and fill it. For databases that start empty: in memory, and in tests."""
    METADATA.create_all(engine)
    rows = [{"product_id": p.product_id, "amount": p.amount, "currency": p.currency} for p in prices]
    with engine.begin() as connection:
        connection.execute(insert(PRICES), rows)


def sample_prices() -> tuple[Price, ...]:
    """The prices that come with the package (`sample_prices.json`)."""
    text = resources.files(__package__).joinpath("sample_prices.json").read_text("utf-8")
    return tuple(Price(p["product_id"], Decimal(p["amount"]), p["currency"]) for p in json.loads(text))
