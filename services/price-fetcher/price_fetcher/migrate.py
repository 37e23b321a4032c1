"""Lambda's entry of the migrations: `{"up": "head"}` before traffic moves, `{"down": "0001"}` by hand.

A function of its own, so that the one that answers requests may read prices and change no table.
"""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from sqlalchemy import Engine

from common.core import Core, LambdaHandler
from common.database import querying
from common.middleware.access_log import log_access
from common.middleware.health_checks import answer_health_checks
from common.middleware.outcomes import count_outcomes
from common.middleware.problems import answer_problems
from common.middleware.tracing import trace_calls
from common.validation import validated
from price_fetcher.parts import Parts, lambda_parts
from price_fetcher.repository import DEPENDENCY

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SCRIPTS: Final = Path(__file__).parent / "migrations"
Revision = Annotated[str, StringConstraints(pattern=r"^(head|base|[0-9]{4})$")]


class MigrationRequest(BaseModel):
    """Up to a revision or down to one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    up: Revision | None = None
    down: Revision | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "MigrationRequest":
        if (self.up is None) == (self.down is None):
            raise ValueError("either up or down")
        return self


def create_handler(parts: Callable[[], Parts]) -> LambdaHandler:
    """The handler with its layers round it; `parts` is asked at each call and is expected to remember."""

    def core() -> Core:
        return parts().core

    @log_access(core=core)
    @trace_calls(core=core)
    @answer_health_checks(core=core)
    @answer_problems(core=core)
    @count_outcomes(core=core)
    def handle(event: object, context: "LambdaContext") -> dict[str, Any]:
        asked = validated(MigrationRequest, event if isinstance(event, dict) else {})
        before, after = migrate(parts().engine, asked)
        core().logger.info("migrated", state=f"{before} to {after}")
        return {"statusCode": 200, "body": {"from": before, "to": after}}

    return handle


def migrate(engine: Engine, asked: MigrationRequest) -> tuple[str, str]:
    """The revisions before and after; `base` is none. Where nothing is to be done, nothing is.

    Raises DependencyUnavailable when the database is away or refuses a statement: then what was done before
    that statement stays (Oracle) or is taken back (SQLite), and the same call goes on from there.
    """
    config = _config()
    with querying(DEPENDENCY), engine.connect() as connection:
        config.attributes["connection"] = connection
        before = _revision(connection)
        if asked.up is not None:
            command.upgrade(config, asked.up)
        else:
            command.downgrade(config, asked.down or "base")
        connection.commit()
        return before, _revision(connection)


def as_sql(dialect: str, revisions: str = "head") -> str:
    """The migrations as a script for a database that nobody else may change: `oracle`, `0001:head`."""
    config, text = _config(), StringIO()
    config.output_buffer = text
    config.attributes["dialect"] = dialect
    command.upgrade(config, revisions, sql=True)
    return text.getvalue()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config


def _revision(connection: Any) -> str:
    return MigrationContext.configure(connection).get_current_revision() or "base"


handler = create_handler(lambda_parts)
