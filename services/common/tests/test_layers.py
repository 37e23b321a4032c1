"""The onion: what each layer does alone, and that the order of two of them matters."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, select, text

from common.audit import Access, Outcome
from common.core import Core
from common.database import create_database
from common.errors import (
    ConfigurationError,
    DependencyUnavailable,
    MalformedRequest,
    NotFound,
    UnexpectedFailure,
)
from common.middleware.access_log import log_access
from common.middleware.audit import audit_reads
from common.middleware.database import open_database
from common.middleware.health_checks import answer_health_checks
from common.middleware.outcomes import count_outcomes
from common.middleware.problems import answer_problems
from common.middleware.routing import answer_routes
from common.reads import AuditedReads
from common.routes import Call, Reply, Route
from common.validation import ApiModel

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
THINGS = Table("things", MetaData(), Column("name", String(40)))


class Asked(ApiModel):
    name: str


class Answered(ApiModel):
    full_name: str


ROUTE = Route(operation="get", method="GET", path="/things", summary="A thing", query=Asked, answer=Answered)


def event(**query: str) -> dict[str, Any]:
    return {"httpMethod": "GET", "queryStringParameters": query, "requestContext": {"requestId": "r-1"}}


def core_of(bench: Any) -> Callable[[], Core]:
    return lambda: bench.core


def test_a_call_is_one_line_with_its_ids_and_nothing_of_it(bench: Any) -> None:
    @log_access(core=core_of(bench))
    def handle(event: Any, context: Any) -> dict[str, Any]:
        return {"statusCode": 200, "body": "Jane"}

    handle(event(name="Jane"), bench.context)

    (line,) = bench.lines()
    assert (line["message"], line["status"], line["request_id"]) == ("request", 200, "r-1")
    assert line["function_version"] == "7" and "Jane" not in bench.log.getvalue()


@pytest.fixture
def lambdas_log() -> Iterator[io.StringIO]:
    """The handler that Lambda has on the root logger, from before any of our code is loaded."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def test_an_exception_loses_its_data_on_the_way_out_in_every_log(
    lambdas_log: io.StringIO, make_bench: Callable[[], Any]
) -> None:
    bench = make_bench()

    @log_access(core=core_of(bench))
    @answer_problems(core=core_of(bench))
    def handle(event: Any, context: Any) -> dict[str, Any]:
        raise ValueError("Jane Doe, 078-05-1120")

    with pytest.raises(UnexpectedFailure) as failure:
        handle(event(), bench.context)

    # whatever a library tells the root logger, Lambda writes as well: Powertools' own layers, too
    told = (
        bench.log.getvalue() + lambdas_log.getvalue() + str(failure.value) + repr(failure.value.__context__)
    )
    assert "Jane" not in told and "078" not in told
    assert bench.lines()[-1]["exception_name"] == "ValueError"


def test_a_function_that_is_set_up_wrongly_says_so(bench: Any) -> None:
    @log_access(core=core_of(bench))
    def handle(event: Any, context: Any) -> dict[str, Any]:
        raise ConfigurationError("TABLE_AUDIT is not set")

    with pytest.raises(ConfigurationError, match="TABLE_AUDIT is not set"):
        handle({}, bench.context)


def test_a_health_check_goes_no_further_in(bench: Any) -> None:
    def away() -> None:
        raise DependencyUnavailable("database", "OperationalError")

    @answer_health_checks(core=core_of(bench))
    def handle(event: Any, context: Any) -> dict[str, Any]:
        raise AssertionError("a health check has reached the handler")

    bench.probes["cache"] = away
    bench.probes["database"] = lambda: None
    degraded = handle({"health_check": True}, bench.context)
    assert (degraded["statusCode"], degraded["body"]["status"]) == (200, "degraded")
    bench.probes["database"] = away
    down = handle({"health_check": True}, bench.context)
    assert (down["statusCode"], down["body"]["status"]) == (503, "down")
    assert down["body"]["dependencies"]["database"]["cause"] == "OperationalError"


def test_only_failures_that_an_alarm_watches_are_counted(bench: Any) -> None:
    failures: list[Exception] = [
        DependencyUnavailable("database", "OperationalError"),
        MalformedRequest("no request"),
        NotFound("nothing"),
    ]

    @answer_problems(core=core_of(bench))
    @count_outcomes(core=core_of(bench))
    def handle(event: Any, context: Any) -> dict[str, Any]:
        raise failures.pop(0)

    assert [handle({}, bench.context)["statusCode"] for _ in range(3)] == [503, 400, 404]
    assert bench.counted() == [("DependencyUnavailable", "database"), ("MalformedRequests", "")]


def test_inside_of_the_routes_there_are_schemas_only(bench: Any) -> None:
    @answer_routes(routes=(ROUTE,))
    def handle(call: Call, context: Any) -> Reply:
        return Reply(Answered(full_name=call.query.name), {"etag": '"1"'})

    answer = handle(event(name="x"), bench.context)

    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"fullName": "x"})
    assert answer["headers"]["etag"] == '"1"'


@pytest.mark.parametrize("body", [None, Asked(name="x")])
def test_an_answer_of_another_schema_is_our_bug(bench: Any, body: Any) -> None:
    @answer_routes(routes=(ROUTE,))
    def handle(call: Call, context: Any) -> Reply:
        return Reply(body)

    with pytest.raises(TypeError, match="get answers with"):
        handle(event(name="x"), bench.context)


class Trail:
    """Keeps what is recorded; away when told so."""

    def __init__(self, away: bool = False) -> None:
        self.accesses: list[Access] = []
        self.away = away

    def record(self, access: Access) -> None:
        if self.away:
            raise DependencyUnavailable("audit_table", "Throttled")
        self.accesses.append(access)


def reading(bench: Any, trail: Trail, then: Callable[[], None] = lambda: None) -> Callable[..., Any]:
    engine = create_database("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR(40))"))

    @answer_routes(routes=(ROUTE,))
    @open_database(engine=lambda: engine, dependency="database")
    @audit_reads(trail=lambda: trail, now=lambda: NOON, who=lambda call: call.query.name)
    def handle(call: Call, context: Any, reads: AuditedReads) -> Reply:
        reads.one(select(THINGS), {}, what="thing/1")
        reads.one(select(THINGS), {}, what="thing/2")
        then()
        return Reply(Answered(full_name="secret"))

    return handle


def test_every_read_is_on_record_before_the_answer_leaves(bench: Any) -> None:
    trail = Trail()

    assert reading(bench, trail)(event(name="u-1"), bench.context)["statusCode"] == 200
    assert [(a.who, a.what, a.outcome, a.request_id) for a in trail.accesses] == [
        ("u-1", "thing/1", Outcome.NOT_FOUND, "r-1"),
        ("u-1", "thing/2", Outcome.NOT_FOUND, "r-1"),
    ]


def test_what_was_read_before_a_failure_is_on_record(bench: Any) -> None:
    trail = Trail()

    def fail() -> None:
        raise NotFound("nothing")

    with pytest.raises(NotFound):
        reading(bench, trail, fail)(event(name="u-1"), bench.context)
    assert [a.what for a in trail.accesses] == ["thing/1", "thing/2"]


def test_no_answer_leaves_without_its_record(bench: Any) -> None:
    with pytest.raises(DependencyUnavailable) as away:
        reading(bench, Trail(away=True))(event(name="u-1"), bench.context)
    assert away.value.dependency == "audit_table"


def test_the_connection_goes_back_whatever_becomes_of_the_call(bench: Any) -> None:
    handle = reading(bench, Trail(away=True))
    for _ in range(5):  # the pool has two
        with pytest.raises(DependencyUnavailable):
            handle(event(name="u-1"), bench.context)


def test_a_read_is_a_statement_with_bind_variables_or_no_read(bench: Any) -> None:
    with create_database("sqlite://").connect() as connection:
        reads = AuditedReads(connection)
        for statement in ("SELECT 1", text("SELECT 1")):
            with pytest.raises(TypeError, match="a read is a Select"):
                reads.one(statement, {}, what="thing/1")  # type: ignore[arg-type]  # that is the point
    assert reads.noted == []
