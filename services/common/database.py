"""The SQL database: one engine for the life of the execution environment, made outside the handler."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool, StaticPool

from common.errors import ConfigurationError, DependencyUnavailable


def create_database(url: str) -> Engine:
    """An engine, not yet connected, for a SQLAlchemy URL. Raises ConfigurationError when it is none.

    A Lambda environment serves one request at a time, so one connection is enough; `hide_parameters` keeps
    bind values, which are personal data, out of exception messages.
    """
    try:
        if is_in_memory(url):  # every thread must see the same memory
            return create_engine(
                url, hide_parameters=True, poolclass=StaticPool, connect_args={"check_same_thread": False}
            )
        return create_engine(
            url, hide_parameters=True, pool_pre_ping=True, poolclass=QueuePool, pool_size=1, max_overflow=1
        )
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise ConfigurationError("DATABASE_URL is not a URL of a supported database") from None


def is_in_memory(url: str) -> bool:
    """Whether the URL means a SQLite database that lives and dies with the process."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("DATABASE_URL is not a URL of a supported database") from None
    return parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:")


@contextmanager
def querying(dependency: str) -> Iterator[None]:
    """Turn what SQLAlchemy raises when a database is away or refuses us into DependencyUnavailable."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise DependencyUnavailable(dependency, type(error).__name__) from None


def probe_database(engine: Engine, dependency: str) -> None:
    """Health probe: the database answers. Touches no table. Oracle before 23 wants FROM DUAL."""
    statement = "SELECT 1 FROM DUAL" if engine.dialect.name == "oracle" else "SELECT 1"
    with querying(dependency), engine.connect() as connection:
        connection.execute(text(statement))
