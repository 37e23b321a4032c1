"""The migrations on a real SQLite: up and down, again, after half a run; and what they would say to
Oracle."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from common.database import create_database
from price_fetcher.migrate import SCRIPTS, MigrationRequest, as_sql, migrate
from price_fetcher.repository import METADATA, sample_prices, seed

UP, DOWN = MigrationRequest(up="head"), MigrationRequest(down="base")
SEED = Path(__file__).parents[1] / "seed" / "prices.sql"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    engine = create_database(f"sqlite:///{tmp_path / 'prices.db'}")
    yield engine
    engine.dispose()


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, METADATA))


def test_the_migrations_make_what_the_repository_reads(empty: Engine) -> None:
    assert differences(empty) != []
    assert migrate(empty, UP) == ("base", "0002")
    assert differences(empty) == []


def test_a_second_run_changes_nothing(empty: Engine) -> None:
    migrate(empty, UP)
    seeded(empty)

    assert migrate(empty, UP) == ("0002", "0002")
    assert rows(empty) == 5


def test_what_is_there_before_the_first_migration_is_kept(empty: Engine) -> None:
    """A table older than the migrations, or a run on Oracle that died between a statement and its mark."""
    seed(empty, sample_prices())

    assert migrate(empty, UP) == ("base", "0002")
    assert rows(empty) == 5 and differences(empty) == []


def test_every_revision_goes_back_and_forth_again(empty: Engine) -> None:
    revisions = [script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()][::-1]
    assert revisions == ["0001", "0002"]
    for revision in revisions:
        before = shape(empty)
        migrate(empty, MigrationRequest(up=revision))
        after = shape(empty)
        migrate(empty, MigrationRequest(down="base" if revision == "0001" else "0001"))
        assert shape(empty) == before != after
        migrate(empty, MigrationRequest(up=revision))
        assert shape(empty) == after
    assert migrate(empty, DOWN) == ("0002", "base")
    assert shape(empty) == {}


def test_what_serves_lives_with_what_the_next_migration_leaves(empty: Engine) -> None:
    """Writers that know nothing of the new column go on."""
    migrate(empty, MigrationRequest(up="0001"))
    seeded(empty)
    migrate(empty, UP)
    seeded(empty)

    assert rows(empty) == 5


def test_the_seed_may_be_sown_twice(empty: Engine) -> None:
    migrate(empty, UP)
    seeded(empty)
    seeded(empty)

    with empty.connect() as connection:
        found = connection.exec_driver_sql("SELECT product_id, amount, currency FROM prices ORDER BY 1").all()
    assert [tuple(row) for row in found] == [
        (p.product_id, str(p.amount), p.currency) for p in sample_prices()
    ]


def test_the_script_for_oracle_makes_the_same_tables() -> None:
    """The statements as Alembic would send them; no Oracle has run them."""
    script = as_sql("oracle")

    assert re.findall(r"^(?:CREATE|ALTER) TABLE \w+.*", script, re.MULTILINE) == [
        "CREATE TABLE alembic_version (",
        "CREATE TABLE prices (",
        "ALTER TABLE prices ADD changed_at DATE",
    ]
    assert "amount NUMERIC(12, 4) NOT NULL" in script and "PRIMARY KEY (product_id)" in script
    assert "CREATE TABLE prices" not in as_sql("oracle", "0001:head")


def test_the_function_answers_what_it_did(bench: Any) -> None:
    answer = bench.migrate({"up": "head"}, bench.context)

    assert answer == {"statusCode": 200, "body": {"from": "base", "to": "0002"}}
    assert bench.migrate({"down": "0001"}, bench.context)["body"] == {"from": "0002", "to": "0001"}


@pytest.mark.parametrize(
    "event", [{}, {"up": "head", "down": "0001"}, {"up": "0001; DROP"}, {"sql": "x"}, []]
)
def test_an_order_that_is_none_is_refused(bench: Any, event: object) -> None:
    assert bench.migrate(event, bench.context)["statusCode"] == 400


def test_a_database_that_is_away_is_503_and_counted(make_bench: Any, tmp_path: Path) -> None:
    bench = make_bench(engine=create_database(f"sqlite:///{tmp_path / 'missing' / 'prices.db'}"))

    assert bench.migrate({"up": "head"}, bench.context)["statusCode"] == 503
    assert bench.counted() == [("DependencyUnavailable", "database")]


def test_a_health_check_migrates_nothing(bench: Any) -> None:
    assert bench.migrate({"health_check": True}, bench.context)["statusCode"] == 200
    assert "alembic_version" not in inspect(bench.engine).get_table_names()


def seeded(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in SEED.read_text("utf-8").split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT COUNT(*) FROM prices").scalar_one())


def shape(engine: Engine) -> dict[str, list[str]]:
    found = inspect(engine)
    names = sorted(set(found.get_table_names()) - {"alembic_version"})
    return {name: [column["name"] for column in found.get_columns(name)] for name in names}
