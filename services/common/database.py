"""The SQL database: one engine for the life of the execution environment, made outside the handler."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool, StaticPool

from common.constants import DATABASE_LOGIN
from common.errors import ConfigurationError, DependencyUnavailable
from common.secrets_manager import SecretLogin

CONNECT_SECONDS = 5
CALL_MILLISECONDS = 10_000

# Invalid name or password, account locked, password expired, no right to log in:
# https://docs.oracle.com/en/error-help/db/
REFUSED = frozenset({"ORA-01017", "ORA-28000", "ORA-28001", "ORA-01045"})
# What a wrong URL raises: beside SQLAlchemy's own, the errors of `int("15x21")` and of a mode no driver has
_NO_URL = (SQLAlchemyError, ValueError, AttributeError, ImportError)
C = TypeVar("C")
_ORACLE_CODE = re.compile(r"\b(?:ORA-[0-9]{5}|DPY-[0-9]{4})\b")


def create_database(url: str, login: SecretLogin | None = None) -> Engine:
    """An engine, not yet connected, for a SQLAlchemy URL. Raises ConfigurationError when it is none.

    Without `login` the URL says who asks. A Lambda environment serves one request at a time, so one
    connection is enough; `hide_parameters` keeps bind values, which are personal data, out of exception
    messages.
    """
    try:
        if is_in_memory(url):  # every thread must see the same memory
            engine = create_engine(
                url, hide_parameters=True, poolclass=StaticPool, connect_args={"check_same_thread": False}
            )
        else:
            engine = create_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                poolclass=QueuePool,
                pool_size=1,
                max_overflow=1,
            )
    except _NO_URL:
        raise ConfigurationError("DATABASE_URL is not a URL of a supported database") from None
    if login is not None or engine.dialect.name == "oracle":
        event.listen(engine, "do_connect", _connecting(login))
    if engine.dialect.name == "oracle":
        event.listen(engine, "connect", _limit_calls)
    return engine


def _connecting(login: SecretLogin | None) -> Callable[..., Any]:
    def connect(dialect: Any, _record: object, cargs: tuple[Any, ...], cparams: dict[str, Any]) -> Any:
        if dialect.name == "oracle":
            cparams["tcp_connect_timeout"] = CONNECT_SECONDS
        if login is None:
            return dialect.connect(*cargs, **cparams)

        def ask(user: str, password: str) -> Any:
            who = {"user": user, "password": password} if dialect.name != "sqlite" else {}  # it has no logins
            return dialect.connect(*cargs, **cparams, **who)

        return logged_in(login, ask)

    return connect


def logged_in(login: SecretLogin, ask: Callable[[str, str], C]) -> C:
    """What `ask(user, password)` gives. Refused once, it is asked again with the secret read anew.

    A rotation changes the password first and the secret's current version after that, so the first refusal
    says nothing; the second one leaves as it is.
    """
    known = login.read()
    try:
        return ask(known.user, known.password)
    except Exception as error:
        if oracle_code(error) not in REFUSED:
            raise
    known = login.read(fresh=True)
    return ask(known.user, known.password)


def oracle_code(error: BaseException) -> str | None:
    """`ORA-01017` of an error by python-oracledb, also one that SQLAlchemy has wrapped; else None."""
    found = _ORACLE_CODE.search(str(getattr(error, "orig", None) or error))
    return found.group() if found else None


def _limit_calls(connection: Any, _record: object) -> None:
    connection.call_timeout = CALL_MILLISECONDS


def is_in_memory(url: str) -> bool:
    """Whether the URL means a SQLite database that lives and dies with the process."""
    try:
        parsed = make_url(url)
    except _NO_URL:
        raise ConfigurationError("DATABASE_URL is not a URL of a supported database") from None
    return parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:")


@contextmanager
def querying(dependency: str) -> Iterator[None]:
    """Turn what SQLAlchemy raises when a database is away or refuses us into DependencyUnavailable."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        code = oracle_code(error)
        who = DATABASE_LOGIN if code in REFUSED else dependency
        raise DependencyUnavailable(who, code or type(error).__name__) from None


def probe_database(engine: Engine, dependency: str) -> None:
    """Health probe: the database answers. Touches no table. Oracle before 23 wants FROM DUAL."""
    statement = text("SELECT 1 FROM DUAL") if engine.dialect.name == "oracle" else text("SELECT 1")
    with querying(dependency), engine.connect() as connection:
        connection.execute(statement)
