"""Prices on a real SQLite, and the same statement for Oracle as far as it can be read without one."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.dialects.oracle.base import OracleDialect
from sqlalchemy.exc import DBAPIError

from common.database import create_database, is_in_memory, probe_database
from common.errors import ConfigurationError, DependencyUnavailable
from price_fetcher.repository import PRICE_OF, Price, SqlPriceBook, sample_prices, seed


def test_a_price_is_found_with_every_decimal(engine: Engine) -> None:
    assert SqlPriceBook(engine).find("PROD-103") == Price("PROD-103", Decimal("0.0125"), "USD")


def test_a_product_without_price_is_none(engine: Engine) -> None:
    assert SqlPriceBook(engine).find("PROD-999") is None


def test_a_hostile_id_is_a_value_and_no_sql(engine: Engine) -> None:
    book = SqlPriceBook(engine)

    assert book.find("x'; DROP TABLE prices; --") is None
    assert book.find("' OR '1'='1") is None
    assert book.find("PROD-101") is not None


def test_the_oracle_statement_has_its_value_as_a_bind_variable() -> None:
    compiled = PRICE_OF.compile(dialect=OracleDialect())

    assert ":product_id" in str(compiled)
    assert compiled.params == {"product_id": None}


def test_a_database_file_keeps_its_prices(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'prices.db'}"
    first = create_database(url)
    seed(first, sample_prices())
    first.dispose()

    second = create_database(url)
    try:
        assert not is_in_memory(url)
        assert SqlPriceBook(second).find("PROD-101") == Price("PROD-101", Decimal("99.99"), "USD")
    finally:
        second.dispose()


def test_every_thread_sees_the_same_memory(engine: Engine) -> None:
    with engine.connect(), ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(SqlPriceBook(engine).find, "PROD-101").result() is not None


@pytest.mark.parametrize("file", [":memory:", "prices.db"])
def test_what_a_database_complains_about_has_no_values_in_it(tmp_path: Path, file: str) -> None:
    engine = create_database(f"sqlite:///{file if file == ':memory:' else tmp_path / file}")
    try:
        with engine.connect() as connection, pytest.raises(DBAPIError) as complaint:
            connection.execute(text("SELECT :who FROM nowhere"), {"who": "jane-doe-1961"})
    finally:
        engine.dispose()
    assert "nowhere" in str(complaint.value) and "jane" not in str(complaint.value)


def test_a_database_that_cannot_be_opened_is_an_unavailable_dependency(tmp_path: Path) -> None:
    engine = create_database(f"sqlite:///{tmp_path / 'missing' / 'prices.db'}")

    with pytest.raises(DependencyUnavailable) as lookup:
        SqlPriceBook(engine).find("PROD-101")
    with pytest.raises(DependencyUnavailable) as probe:
        probe_database(engine, "database")
    assert (lookup.value.cause, probe.value.cause) == ("OperationalError", "OperationalError")


@pytest.mark.parametrize("url", ["", "no url", "nosuchdb://host/x"])
def test_a_wrong_database_url_is_a_configuration_error_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        create_database(url)
    assert str(refused.value) == "DATABASE_URL is not a URL of a supported database"
