"""300 requests an endpoint by schemathesis, made from the OpenAPI document that each service publishes.

Half of them fit the document, half do not. Each is a real payload 2.0 event through the whole onion; half of
what is asked for exists. No answer may be one that the document does not know, and no log line may hold what
was sent.
"""

import hashlib
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from hypothesis import HealthCheck, given, settings

from common.audit import Access
from common.core import Core, LambdaHandler
from common.database import create_database
from common.errors import DependencyUnavailable
from common.logger import create_logger
from common.metrics import Metrics
from common.routes import Route
from common.settings import Settings
from config_service import handler as config_handler
from config_service.parts import Parts as ConfigParts
from config_service.repository import Document, PastChange, StaleVersion
from config_service.routes import ROUTES as CONFIG_ROUTES
from config_service.schema import Change
from config_service.service import ConfigService, FlagService
from price_fetcher import handler as price_handler
from price_fetcher import repository
from price_fetcher.parts import Parts as PriceParts
from price_fetcher.routes import ROUTES as PRICE_ROUTES

pytestmark = pytest.mark.prove

SERVICES = Path(__file__).parents[2] / "services"
EACH = 150  # requests that fit, and as many that do not
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG_ENOUGH = 8  # shorter values occur in any text by chance


def exists(name: str) -> bool:
    """Half of all names do."""
    return zlib.crc32(name.encode()) % 2 == 0


class HalfOfAll:
    """A DocumentStore that has a document by half of all names, and keeps none.

    It has it at the version that is asked for, where that is even: so half of the writes are no conflict.
    """

    def __init__(self, text: str, away: bool) -> None:
        self.text = text
        self.away = away
        self.version = 1

    def expect(self, query: Mapping[str, str], body: str) -> None:
        try:
            asked = int(query.get("version") or json.loads(body)["version"])
        except (ValueError, TypeError, LookupError):
            asked = 1
        self.version = asked if asked > 1 and asked % 2 == 0 else 1

    def get(self, name: str) -> Document | None:
        if self.away:
            raise DependencyUnavailable("config_table", "Throttled")
        return Document(name, self.version, self.text) if exists(name) else None

    def put(self, name: str, text: str, read: int, now: datetime, change: Change = "put") -> Document:
        stored = self.get(name)
        if read != (stored.version if stored else 0):
            raise StaleVersion
        return Document(name, read + 1, text)

    def delete(self, name: str, read: int, now: datetime) -> None:
        stored = self.get(name)
        if stored is None or stored.version != read:
            raise StaleVersion

    def history(self, name: str, limit: int, before: int | None) -> tuple[PastChange, ...]:
        found = self.get(name)
        changes = (PastChange(2, "delete", NOON, None), PastChange(1, "put", NOON, self.text))
        return changes[:limit] if found else ()


@dataclass
class Trail:
    accesses: list[Access] = field(default_factory=list)

    def record(self, access: Access) -> None:
        assert access.who and access.what and access.request_id
        self.accesses.append(access)


@dataclass
class Front:
    """API Gateway as WSGI: finds the route, makes a payload 2.0 event of the request, hands the answer
    back."""

    routes: Sequence[Route]
    handler: LambdaHandler
    log: io.StringIO
    before: Callable[[Mapping[str, str], str], None] = lambda query, body: None
    statuses: Counter[int] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        raw = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        method, query = environ["REQUEST_METHOD"], dict(_joined(environ["QUERY_STRING"]))
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length).decode("utf-8", "replace")
        matches = (
            (route, found)
            for route in self.routes
            if route.method == method and (found := re.fullmatch(_pattern(route.path), raw))
        )
        route, found = next(matches, (None, None))
        if route is None or found is None:  # API Gateway's own answer: the service is not asked
            answer: dict[str, Any] = {"statusCode": 404, "body": '{"message":"Not Found"}'}
        else:
            self.before(query, body)
            self.sent.update(query.values(), found.groups(), _texts(body))
            answer = self.handler(_event(route, raw, query, found.groupdict(), body), _context())
            self.statuses[answer["statusCode"]] += 1
        headers = answer.get("headers") or {"content-type": "application/json"}
        status = answer["statusCode"]
        start_response(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
        yield answer["body"].encode()


def _pattern(template: str) -> str:
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template)


def _joined(query: str) -> Mapping[str, str]:
    """An HTTP API joins values of one name with commas."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _texts(body: str) -> Iterator[str]:
    def within(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for key, each in value.items():
                yield from (*within(each), *([] if key in KNOWN_KEYS else [key]))
        elif isinstance(value, list):
            for each in value:
                yield from within(each)

    try:
        yield from within(json.loads(body))
    except ValueError:
        yield body


KNOWN_KEYS = frozenset(re.findall(r'"(\w+)"', (SERVICES / "config-service" / "openapi.json").read_text()))


def _event(
    route: Route, path: str, query: Mapping[str, str], parameters: Mapping[str, str], body: str
) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"{route.method} {route.path}",
        "rawPath": path,
        "queryStringParameters": query,
        "pathParameters": {name: unquote(value) for name, value in parameters.items()},
        "requestContext": {
            "requestId": "JKJaXmPLvHcESHA=",
            "http": {"method": route.method, "path": path},
            "authorizer": {"iam": {"userArn": "arn:aws:sts::111111111111:assumed-role/portal/s"}},
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _context() -> LambdaContext:
    context = LambdaContext()
    context._aws_request_id = "8b1c7a52-0000-4000-8000-000000000001"
    context._function_version = "7"
    return context


def core(name: str, log: io.StringIO) -> Core:
    unique = hashlib.sha256(repr(id(log)).encode()).hexdigest()[:8]  # loggers are known by name
    set_up = Settings(f"{name}-{unique}", "qa", "DEBUG", frozenset())
    return Core(set_up, create_logger(set_up, log), Metrics(set_up, log), {})


def config_service(away: bool = False) -> Front:
    log = io.StringIO()
    configs = HalfOfAll('{"theme":"dark"}', away)
    flags = HalfOfAll('{"enabled":true,"rules":[{"percentage_of_users":50}]}', away)
    parts = ConfigParts(
        core("config-service", log),
        ConfigService(configs, lambda: NOON),
        FlagService(flags, lambda: NOON),
    )

    def expect(query: Mapping[str, str], body: str) -> None:
        for store in (configs, flags):
            store.expect(query, body)

    return Front(CONFIG_ROUTES, config_handler.create_handler(lambda: parts), log, expect)


def price_fetcher(away: bool = False) -> Front:
    log, engine = io.StringIO(), create_database("sqlite://")
    repository.seed(engine, repository.sample_prices())
    known = {price.product_id for price in repository.sample_prices()}
    if away:
        repository.METADATA.drop_all(engine)
    parts = PriceParts(core("price-fetcher", log), engine, Trail(), lambda: NOON)

    def price(query: Mapping[str, str], body: str) -> None:
        asked = query.get("id", "")
        if not away and exists(asked) and asked not in known and len(asked) <= 40:
            known.add(asked)
            repository.seed(engine, [repository.Price(asked, Decimal("12.3456"), "EUR")])

    return Front(PRICE_ROUTES, price_handler.create_handler(lambda: parts), log, price)


FRONTS = {"config-service": config_service, "price-fetcher": price_fetcher}
ENDPOINTS = [
    pytest.param(name, route.operation, id=f"{name}-{route.operation}")
    for name, routes in (("config-service", CONFIG_ROUTES), ("price-fetcher", PRICE_ROUTES))
    for route in routes
]


@pytest.mark.filterwarnings("ignore")  # of schemathesis and what it brings
@pytest.mark.parametrize(("name", "operation"), ENDPOINTS)
def test_no_request_gets_an_answer_that_is_not_documented_or_leaves_itself_in_a_log(
    name: str, operation: str
) -> None:
    front = FRONTS[name]()
    requests = asked_by_schemathesis(name, operation, front)

    assert requests >= 2 * EACH
    assert sum(front.statuses.values()) >= EACH
    assert not {status for status in front.statuses if status >= 500}
    assert 400 in front.statuses and {200, 204} & front.statuses.keys(), front.statuses
    left_behind(front)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FRONTS)
def test_without_its_database_a_service_answers_as_it_documents_and_tells_nothing(name: str) -> None:
    front = FRONTS[name](away=True)
    operation = {"config-service": "putConfig", "price-fetcher": "getPrice"}[name]
    asked_by_schemathesis(name, operation, front, each=50)

    assert front.statuses.keys() <= {400, 503} and front.statuses[503] > 0
    left_behind(front)


def asked_by_schemathesis(name: str, operation: str, front: Front, each: int = EACH) -> int:
    """Sends `each` requests that fit the document and `each` that do not; how many there were."""
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS

    document = json.loads((SERVICES / name / "openapi.json").read_text("utf-8"))
    schema = schemathesis.openapi.from_dict(document)
    schema.app = front
    wanted = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
    checks = CHECKS.get_by_names(wanted)
    endpoint = schema.find_operation_by_id(operation)
    asked = 0

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @settings(
            max_examples=each,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=endpoint.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            answer = case.call()
            # a path that is no route of the service is the gateway's to answer
            if b'"message":"Not Found"' not in answer.content:
                case.validate_response(answer, checks=checks)

        ask()
    return asked


def left_behind(front: Front) -> None:
    """Nothing of what was sent is in a value of a line, and nobody failed in a way that was not foreseen."""
    lines = [json.loads(line) for line in front.log.getvalue().splitlines()]
    ours = {"_aws", "service", "stage", "dependency"}
    values = {str(value) for line in lines for name, value in line.items() if name not in ours}
    sent = {value for value in front.sent if len(value) >= LONG_ENOUGH}
    assert sent and not {value for value in sent if any(value in told for told in values)}
    assert not [value for value in values if "portal" in value]
    messages = {line.get("message") for line in lines}
    assert "request" in messages and not messages & {"unexpected failure", "[withheld]"}
