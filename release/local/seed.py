"""Data that a service begins with: `services/<name>/seed/*.json` for tables, `*.sql` for its database.

Every file is read anew each time. An item replaces the one with its key; SQL has to be written so that it may
run again (`INSERT … ON CONFLICT DO NOTHING`).
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from release.core.attribute_values import item
from release.core.fingerprint import service_folder
from release.core.local import LocalService
from release.errors import Misconfigured
from release.local.cloud import Cloud

FOLDER: Final = "seed"
_SQLITE: Final = "sqlite:///"
_SHAPE: Final = 'write {"TABLE": [{"key": "value", …}, …]}, with its logical id in the template, or its name'


@dataclass(frozen=True, slots=True)
class Seeded:
    """What one file gave to one table, or to a database."""

    service: str
    file: str  # path in the repository
    into: str
    items: int | None  # None: statements of SQL, nobody counts them
    skipped: str = ""  # why it was left out


def seed(top: Path, service: LocalService, stage: str, cloud: Cloud) -> Iterator[Seeded]:
    """Raises Misconfigured with the file that cannot be used."""
    folder = top / service_folder(service.name) / FOLDER
    for path in sorted(folder.glob("*.json")):
        file = path.relative_to(top).as_posix()
        for table, items in _items(path, file).items():
            name = _table(table, service, stage, cloud, file)
            cloud.put_items(name, items)
            yield Seeded(service.name, file, name, len(items))
    for path in sorted(folder.glob("*.sql")):
        yield _sql(path, path.relative_to(top).as_posix(), service)


def _items(path: Path, file: str) -> Mapping[str, list[dict[str, Any]]]:
    """Table -> items in DynamoDB's words. A fraction keeps its digits."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} is no JSON: {error}", fix=_SHAPE, see=file) from error
    if not isinstance(document, dict) or not all(
        isinstance(items, list) and all(isinstance(one, dict) for one in items) for items in document.values()
    ):
        raise Misconfigured(f"{file} does not name tables with their items", fix=_SHAPE, see=file)
    return {table: [item(one) for one in items] for table, items in document.items()}


def _table(table: str, service: LocalService, stage: str, cloud: Cloud, file: str) -> str:
    name = service.tables.get(table) or table.replace("{stage}", stage)
    if name not in service.tables.values() and name not in cloud.tables():
        raise Misconfigured(
            f"{file} has items for {table}, which is no table here",
            fix=f"name one of: {', '.join(sorted(service.tables)) or 'the tables of the template'}",
            see=file,
        )
    return name


def _sql(path: Path, file: str, service: LocalService) -> Seeded:
    url = service.database or ""
    if not url.startswith(_SQLITE):
        kind = url.partition(":")[0] or "nothing"
        why = f"DATABASE_URL of {service.name} says {kind}: only SQLite is filled from here"
        return Seeded(service.name, file, kind, None, skipped=why)
    database = url.removeprefix(_SQLITE)
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
            connection.executescript(f"BEGIN;\n{path.read_text(encoding='utf-8')}\n;COMMIT;")
    except (sqlite3.Error, sqlite3.Warning, OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"{file} cannot be run: {error}",
            fix="correct it; write it so that it may run again, and make its tables by migrations",
            see=file,
        ) from error
    return Seeded(service.name, file, Path(database).name, None)
