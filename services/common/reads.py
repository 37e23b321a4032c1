"""The only way to the database that a service gets: one that asks what is read, and remembers it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select

from common.audit import Outcome
from common.tracing import subsegment


class AuditedReads:
    """Reads over one connection; `noted` is what was read, in order, for the layer that records it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.noted: list[tuple[str, Outcome]] = []

    def one(self, statement: Select[Any], values: Mapping[str, object], *, what: str) -> Row[Any] | None:
        """The one row that there may be, after the read is noted as `what`.

        Raises TypeError for anything but a Select of SQLAlchemy: text could have values in it.
        """
        if not isinstance(statement, Select):
            raise TypeError(f"a read is a Select, not {type(statement).__name__}")
        with subsegment("database read"):
            row = self._connection.execute(statement, dict(values)).one_or_none()
        self.noted.append((what, Outcome.NOT_FOUND if row is None else Outcome.FOUND))
        return row
