"""What a migration looks for before it acts, so that it may run again.

Oracle commits at every statement: a run that died may have left half of a migration done, and not marked. In
a script (`--sql`) nobody can look, and everything is as the revision before has left it.
"""

from alembic import op
from sqlalchemy import inspect


def missing(table: str, column: str = "") -> bool:
    """Whether the table, or the column of it, is to be made."""
    return _unseen() or not _is_there(table, column)


def present(table: str, column: str = "") -> bool:
    """Whether the table, or the column of it, is to be taken away."""
    return _unseen() or _is_there(table, column)


def _unseen() -> bool:
    return bool(op.get_context().as_sql)


def _is_there(table: str, column: str) -> bool:
    found = inspect(op.get_bind())
    if not found.has_table(table):
        return False
    return not column or column in {each["name"] for each in found.get_columns(table)}
