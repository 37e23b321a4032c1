"""The price-fetcher of this repository under the real CLI: its migrations run before traffic moves, or
nothing does."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import fleet as fleets
from tests.e2e.fleet import World
from tests.e2e.texts import PRIMARY

# one story, told in order: its tests go to one worker
pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("price-fetcher-rollout")]

SERVICES = Path(__file__).parents[2] / "services"
SEED = (SERVICES / "price-fetcher" / "seed" / "prices.sql").read_text("utf-8")
EVENT = (SERVICES / "price-fetcher" / "events" / "get-price.json").read_bytes()
VERSIONS = "services/price-fetcher/price_fetcher/migrations/versions"
NEXT = '''\
"""Where a price comes from."""

from alembic import op
from sqlalchemy import Column, String

from price_fetcher.migrations.existing import missing, present

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if missing("prices", "source"):
        op.add_column("prices", Column("source", String(20)))


def downgrade() -> None:
    if present("prices", "source"):
        op.drop_column("prices", "source")
'''
BROKEN = '''\
"""Adds what cannot be added."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE nowhere ADD COLUMN x INTEGER")


def downgrade() -> None:
    pass
'''


def files(database: Path) -> dict[str, str]:
    """The service and the shared core as they are here, with a database that outlives a function."""
    found = {
        path.relative_to(SERVICES.parent).as_posix(): path.read_text("utf-8")
        for name in ("price-fetcher", "common")
        for path in (SERVICES / name).rglob("*")
        if path.is_file() and not {"tests", "__pycache__"} & set(path.parts)
    }
    yaml = "services/price-fetcher/service.yaml"
    found[yaml] = found[yaml].replace('"sqlite://"', f'"sqlite:///{database}"')
    found[yaml] = re.sub(r"\n  prod:\n(?:    .*\n)+", "\n", found[yaml])  # there is one stage here
    assert str(database) in found[yaml]
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with fleets.fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        database = tmp_path_factory.mktemp("database") / "prices.db"
        stages = {"dev": "{name: dev, on: push, rollout: all-at-once}"}
        made = fleet.world(stages, ["price-fetcher"], lambda _: files(database))
        made.control.joinpath("database").write_text(str(database), encoding="utf-8")
        yield made
        fleet.end_all()


def asked(world: World, words: str) -> list[Any]:
    connection = sqlite3.connect(world.control.joinpath("database").read_text("utf-8"))
    try:
        return [row[0] for row in connection.execute(words)]
    finally:
        connection.close()


def columns(world: World) -> list[str]:
    return asked(world, "SELECT name FROM pragma_table_info('prices')")


def revision(world: World) -> list[str]:
    return asked(world, "SELECT version_num FROM alembic_version")


def serving(world: World) -> tuple[str, str]:
    """Version and revision of the alias: equal before and after when nobody has written it."""
    alias = world.alias("price-fetcher", "dev")
    assert alias is not None
    return alias["FunctionVersion"], alias["RevisionId"]


def price(world: World) -> tuple[int, Any]:
    functions = world.fleet.client("lambda", world.accounts["dev"], PRIMARY)
    answer = functions.invoke(FunctionName="price-fetcher-dev", Qualifier="live", Payload=EVENT)
    said = json.load(answer["Payload"])
    return said["statusCode"], json.loads(said["body"]).get("price")


# One story: each test goes on where the one before has ended.
def test_the_first_deployment_makes_the_tables_before_anything_serves(world: World) -> None:
    ended = world.release("deploy", "dev", "--yes")

    assert "migrate price-fetcher" in ended.out and revision(world) == ["0002"]
    connection = sqlite3.connect(world.control.joinpath("database").read_text("utf-8"))
    with connection:
        connection.executescript(SEED)
    connection.close()
    assert price(world) == (200, 99.99)


def test_a_new_migration_runs_with_the_release_that_brings_it_and_keeps_the_data(world: World) -> None:
    world.merge("feat: prices have a source", {f"{VERSIONS}/0003_source.py": NEXT})
    world.release("deploy", "dev", "--yes")

    assert revision(world) == ["0003"] and "source" in columns(world)
    assert price(world) == (200, 99.99)


def test_a_release_without_a_migration_runs_them_again_and_changes_nothing(world: World) -> None:
    path = "services/price-fetcher/price_fetcher/service.py"
    text = (world.clone / path).read_text("utf-8")
    world.merge("fix: say it better", {path: text.replace("There is no price", "We know no price")})
    world.release("deploy", "dev", "--yes")

    assert revision(world) == ["0003"] and len(asked(world, "SELECT product_id FROM prices")) == 5


def test_a_migration_that_fails_stops_the_line_before_any_traffic_has_moved(world: World) -> None:
    before = serving(world)
    world.merge("feat: break it", {f"{VERSIONS}/0004_broken.py": BROKEN})

    ended = world.release("deploy", "dev", "--yes", ends=5)

    assert "migrat" in ended.err and "503" in ended.err
    assert serving(world) == before
    assert revision(world) == ["0003"] and price(world) == (200, 99.99)


def test_the_way_back_is_the_same_function_by_hand(world: World) -> None:
    functions = world.fleet.client("lambda", world.accounts["dev"], PRIMARY)
    answer = functions.invoke(
        FunctionName="price-fetcher-migrate-dev", Qualifier="live", Payload=b'{"down": "0002"}'
    )

    assert json.load(answer["Payload"]) == {"statusCode": 200, "body": {"from": "0003", "to": "0002"}}
    assert "source" not in columns(world) and price(world) == (200, 99.99)
