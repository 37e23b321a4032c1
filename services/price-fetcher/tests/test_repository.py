"""Prices on a real SQLite, and the same statement for Oracle as far as it can be read without one."""

import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, Insert, Select, Update, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from common.audit import Outcome
from common.database import create_database, is_in_memory, probe_database, querying
from common.errors import ConfigurationError, DependencyUnavailable
from common.reads import AuditedReads
from price_fetcher import repository
from price_fetcher.repository import Price, SqlPriceBook, sample_prices, seed

ORACLE = make_url("oracle+oracledb://").get_dialect()()


def find(engine: Engine, product_id: str) -> Price | None:
    with engine.connect() as connection:
        return SqlPriceBook(AuditedReads(connection)).find(product_id)


def test_a_price_is_found_with_every_decimal(engine: Engine) -> None:
    assert find(engine, "PROD-103") == Price("PROD-103", Decimal("0.0125"), "USD")


def test_a_product_without_price_is_none(engine: Engine) -> None:
    assert find(engine, "PROD-999") is None


def test_each_read_is_noted_with_what_it_found(engine: Engine) -> None:
    with engine.connect() as connection:
        reads = AuditedReads(connection)
        SqlPriceBook(reads).find("PROD-101")
        SqlPriceBook(reads).find("PROD-999")

    assert reads.noted == [("price/PROD-101", Outcome.FOUND), ("price/PROD-999", Outcome.NOT_FOUND)]


def test_a_hostile_id_is_a_value_and_no_sql(engine: Engine) -> None:
    assert find(engine, "x'; DROP TABLE prices; --") is None
    assert find(engine, "' OR '1'='1") is None
    assert find(engine, "PROD-101") is not None


def test_every_statement_compiles_for_oracle_with_bind_variables_only() -> None:
    """Compiled by SQLAlchemy's dialect for python-oracledb; no Oracle has run it."""
    statements = {
        name: value for name, value in vars(repository).items() if isinstance(value, Select | Insert | Update)
    }
    assert statements.keys() == {"PRICE_OF"}
    for statement in statements.values():
        compiled = statement.compile(dialect=ORACLE)
        text = str(compiled)
        assert re.findall(r":(\w+)", text) == list(compiled.params) == ["product_id"]
        assert not re.search(r"'|\b[0-9]+\b", text), f"a literal in {text}"


def test_the_migrations_make_oracles_own_types() -> None:
    ddl = str(CreateTable(repository.PRICES).compile(dialect=ORACLE))

    assert "amount NUMERIC(12, 4) NOT NULL" in ddl and "product_id VARCHAR2(40 CHAR) NOT NULL" in ddl


def test_a_database_file_keeps_its_prices(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'prices.db'}"
    first = create_database(url)
    seed(first, sample_prices())
    first.dispose()

    second = create_database(url)
    try:
        assert not is_in_memory(url)
        assert find(second, "PROD-101") == Price("PROD-101", Decimal("99.99"), "USD")
    finally:
        second.dispose()


def test_every_thread_sees_the_same_memory(engine: Engine) -> None:
    with engine.connect(), ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(find, engine, "PROD-101").result() is not None


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

    with pytest.raises(DependencyUnavailable) as lookup, querying("database"):
        find(engine, "PROD-101")
    with pytest.raises(DependencyUnavailable) as probe:
        probe_database(engine, "database")
    assert (lookup.value.cause, probe.value.cause) == ("OperationalError", "OperationalError")


@pytest.mark.parametrize("url", ["", "no url", "nosuchdb://host/x"])
def test_a_wrong_database_url_is_a_configuration_error_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        create_database(url)
    assert str(refused.value) == "DATABASE_URL is not a URL of a supported database"
