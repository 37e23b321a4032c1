"""What the handbook promises of every service, held against rendered templates, code and policies."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common import audit, sql_lint
from common.constants import MetricName
from common.metrics import Metrics
from common.routes import Route
from common.settings import Settings
from config_service import parts as config_parts
from config_service.routes import ROUTES as CONFIG_ROUTES
from price_fetcher import repository
from price_fetcher.routes import ROUTES as PRICE_ROUTES
from release.sandbox import emulator
from tests.services.test_templates import Render, parsed, resources

SERVICES = Path(__file__).parents[2] / "services"
STAGES = ("dev", "qa", "uat", "prod")
ROUTES: Mapping[str, tuple[Route, ...]] = {"config-service": CONFIG_ROUTES, "price-fetcher": PRICE_ROUTES}
DEPENDENCIES = {
    "config-service": set(config_parts.DEPENDENCIES),
    "price-fetcher": {repository.DEPENDENCY, audit.DEPENDENCY, "database_login"},
}
ALL = [(name, stage) for name in ROUTES for stage in STAGES]


def allowed(role: Mapping[str, Any], action: str, resource: str) -> bool:
    """What IAM's evaluation makes of a role's own policies. ARNs of GetAtt are the logical ids, here."""
    statements = [
        {**statement, "Resource": f"arn:aws:dynamodb:us-east-1:1:table/{_owner(statement['Resource'])}"}
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    evaluator = emulator.iam_evaluator
    context = evaluator.EvalContext(
        principal_arn="arn:aws:sts::1:assumed-role/service/function",
        principal_type="AssumedRole",
        principal_account="1",
        action=action,
        resource_arn=f"arn:aws:dynamodb:us-east-1:1:table/{resource}",
        region="us-east-1",
    )
    documents = [evaluator.parse_policy_document({"Version": "2012-10-17", "Statement": statements})]
    decision: str = evaluator.evaluate(context, documents).decision
    return decision == "Allow"


def _owner(resource: Mapping[str, str]) -> str:
    return resource["Fn::GetAtt"].split(".")[0]


@pytest.mark.parametrize("stage", STAGES)
def test_no_role_of_the_service_can_change_or_read_an_audit_item(render: Render, stage: str) -> None:
    roles = resources(parsed(render("price-fetcher", stage)), "AWS::IAM::Role")
    may = {
        name: {action for action in DYNAMODB_ACTIONS if allowed(role, f"dynamodb:{action}", "AuditTable")}
        for name, role in roles.items()
    }

    elsewhere = {str(arn) for role in roles.values() for arn in role.get("ManagedPolicyArns", ())}
    assert not [arn for arn in elsewhere if "AWSXRayDaemonWriteAccess" not in arn]
    # PutItem would replace an item; PartiQL's INSERT is refused when there is one
    assert may == {"ApiRole": {"DescribeTable", "PartiQLInsert"}, "MigrateRole": {"DescribeTable"}}


DYNAMODB_ACTIONS = (
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "DeleteItem",
    "DeleteTable",
    "DescribeTable",
    "GetItem",
    "GetRecords",
    "PartiQLDelete",
    "PartiQLInsert",
    "PartiQLSelect",
    "PartiQLUpdate",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
)


@pytest.mark.parametrize(
    ("stage", "logs", "audit_days", "history"),
    [("dev", 7, "7", "30"), ("qa", 7, "30", "30"), ("uat", 7, "30", "30"), ("prod", 30, "2192", "365")],
)
def test_retention_by_stage(render: Render, stage: str, logs: int, audit_days: str, history: str) -> None:
    found = {}
    for name in ROUTES:
        template = parsed(render(name, stage))
        groups = resources(template, "AWS::Logs::LogGroup").values()
        assert {group["RetentionInDays"] for group in groups} == {logs}
        kinds = {group["LogGroupName"].split("/")[2] for group in groups}
        assert kinds == {"lambda", "apigateway"}
        function = resources(template, "AWS::Lambda::Function")["ApiFunction"]
        found |= function["Environment"]["Variables"]
        # the stage's own variables stand beside the defaults
        assert (found["LOG_LEVEL"], found["STAGE"]) == ("INFO", stage)
    assert (found["AUDIT_RETENTION_DAYS"], found["HISTORY_RETENTION_DAYS"]) == (audit_days, history)
    assert found["TABLE_AUDIT"] == {"Ref": "AuditTable"}


def test_items_that_end_have_the_attribute_that_their_table_ends_them_by(render: Render) -> None:
    for name, tables in (("price-fetcher", {"AuditTable"}), ("config-service", {"HistoryTable"})):
        found = resources(parsed(render(name, "prod")), "AWS::DynamoDB::Table")
        ending = {id for id, table in found.items() if "TimeToLiveSpecification" in table}
        assert ending == tables
        for id in tables:
            assert found[id]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def emitted(name: str, stage: str, metric: MetricName, dependency: str) -> tuple[str, str, frozenset[Any]]:
    """(namespace, metric, dimensions) of the line that the code writes, read as CloudWatch reads it."""
    log = io.StringIO()
    Metrics(Settings(name, stage, "INFO", frozenset()), log).count(metric, dependency=dependency)
    line = json.loads(log.getvalue())
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    (dimensions,) = directive["Dimensions"]
    (said,) = directive["Metrics"]
    assert line[said["Name"]] == [1.0] and said["Unit"] == "Count"
    return directive["Namespace"], said["Name"], frozenset((key, line[key]) for key in dimensions)


@pytest.mark.parametrize(("name", "stage"), ALL)
def test_every_failure_that_is_counted_has_the_alarm_that_watches_just_that_metric(
    render: Render, name: str, stage: str
) -> None:
    watched = {
        (a["Namespace"], a["MetricName"], frozenset((d["Name"], d["Value"]) for d in a["Dimensions"]))
        for a in resources(parsed(render(name, stage)), "AWS::CloudWatch::Alarm").values()
        if a["Namespace"] == "Services"
    }

    counted = {
        emitted(name, stage, MetricName.DEPENDENCY_UNAVAILABLE, dependency)
        for dependency in DEPENDENCIES[name]
    }
    assert watched == counted | {emitted(name, stage, MetricName.MALFORMED_REQUESTS, "")}


@pytest.mark.parametrize("name", ROUTES)
def test_the_gateway_leads_to_the_routes_that_the_service_declares(render: Render, name: str) -> None:
    routes = resources(parsed(render(name, "dev")), "AWS::ApiGatewayV2::Route").values()

    assert {route["RouteKey"] for route in routes} == {f"{r.method} {r.path}" for r in ROUTES[name]}


@pytest.mark.parametrize("name", ROUTES)
def test_the_gateways_own_log_has_no_address_and_nothing_that_a_caller_writes(
    render: Render, name: str
) -> None:
    (stage,) = resources(parsed(render(name, "prod")), "AWS::ApiGatewayV2::Stage").values()

    assert set(json.loads(stage["AccessLogSettings"]["Format"]).values()) == {
        "$context.requestId",
        "$context.requestTime",
        "$context.identity.caller",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.integrationErrorMessage",
    }


def test_there_is_one_excuse_for_a_statement_that_is_built_of_text() -> None:
    (line,) = sql_lint.excused(SERVICES)

    assert line.startswith('common/dynamodb.py: statement = f\'INSERT INTO "{table}"')


def test_no_service_builds_sql_of_text() -> None:
    assert sql_lint.findings(SERVICES) == []


BUILT = {
    "an f-string": 'connection.execute(text(f"SELECT a FROM b WHERE c = {value}"))',
    "an f-string in a variable": 'sql = f"select a from b where c = {value}"',
    "plus": 'cursor.execute("SELECT a FROM b WHERE c = " + value)',
    "percent": "sql = \"DELETE FROM b WHERE c = '%s'\" % value",
    "format": 'sql = "UPDATE b SET c = {}".format(value)',
    "join": 'sql = " ".join(["SELECT a FROM", table])',
    "plus equals": 'sql += " WHERE c = " + value',
    "a variable to text": "connection.execute(text(sql))",
    "a parameter to the driver": "connection.exec_driver_sql(sql)",
    "a call to text": "text(build(value))",
    "a literal column": "select(literal_column(name))",
    "values written in": "str(query.compile(compile_kwargs={}, literal_binds=True))",
    "a built migration": 'op.execute(f"ALTER TABLE {table} ADD c")',
    "a variable to a migration": "op.execute(sql)",
    "no look of SQL": 'cursor.execute("{} b".format(verb))',
    "a merge": 'sql = f"MERGE INTO b USING {table}"',
    "an excuse without a reason": 'sql = f"DROP TABLE {table}"  # sql:',
}
BOUND = {
    "core": "connection.execute(PRICE_OF, {'product_id': product_id})",
    "a constant": 'connection.execute(text("SELECT 1 FROM DUAL"))',
    "bind variables": 'connection.execute(text("SELECT a FROM b WHERE c = :c"), {"c": value})',
    "a constant migration": 'op.execute("UPDATE prices SET changed_at = NULL")',
    "a made statement in a migration": "op.execute(PRICES.update().values(changed_at=None))",
    "other words": 'message = f"updated {name}"',
    "an excuse with a reason": 'sql = f"DROP TABLE {table}"  # sql: the name is ours',
}


@pytest.mark.parametrize("line", BUILT.values(), ids=BUILT.keys())
def test_the_lint_sees_sql_that_is_built_by(line: str) -> None:
    assert [number for number, _ in sql_lint.examined(f"x = 1\n{line}\n")][:1] == [2]


@pytest.mark.parametrize("line", BOUND.values(), ids=BOUND.keys())
def test_the_lint_leaves_alone(line: str) -> None:
    assert sql_lint.examined(line + "\n") == []


UNKNOWN = {  # in a module that imports a database's library; its last line is the one that is wrong
    "plus, in a variable": "q = BASE + x\ncursor.execute(q)",
    "format, in a variable": "q = '{} b'.format(x)\ncursor.execute(q)",
    "percent, in a variable": "q = '%s b' % x\ncursor.execute(q)",
    "an f-string, in a variable": "q = f'{x} b'\ncursor.executemany(q, rows)",
    "join, in a variable": "q = ' '.join(parts)\ncursor.execute(q)",
    "a second binding": "q = 'COMMIT'\nq = q.format(x)\ncursor.execute(q)",
    "plus equals": "q = 'COMMIT'\nq += x\ncursor.execute(q)",
    "one way of two": "q = 'COMMIT' if x else x\ncursor.execute(q)",
    "a keyword": "q = BASE + x\ncursor.execute(parameters=rows, statement=q)",
    "unpacked": "cursor.execute(*given)",
    "a parameter": "cursor.execute(x)",
    "a parameter that is a text": "def g(q: str):\n    cursor.execute(q)",
    "a field": "cursor.execute(self.statement)",
    "what another module builds": "from statements import price_of\ncursor.execute(price_of(x))",
    "a template of another module": "from statements import BASE\ncursor.execute(BASE.format(x))",
    "the same, in two steps": "from statements import BASE\ncursor.execute(BASE.strip().format(x))",
    "a list that grows": "q = ['COMMIT']\nq.append(x)\ncursor.execute(q[1])",
    "a field of an instance": "class A:\n        q = 'COMMIT'\n        def g(self): c.execute(self.q)",
    "a function that is not typed": "def g(y):\n        return y\ncursor.execute(g(x))",
    "a global": "global q\nq = x\ncursor.execute(q)",
    "what is read": "for q in cursor.execute('SELECT a FROM b'):\n    cursor.execute(q)",
    "the driver's own connection": "engine.raw_connection()",
}
KNOWN = {
    "a constant of the module": "cursor.execute(DONE)",
    "a constant of its own": "q = 'SELECT 1'\ncursor.execute(q)",
    "a constant of another module": "from statements import PRICE_OF\nconnection.execute(PRICE_OF, values)",
    "a module's constant": "import statements\nconnection.execute(statements.PRICE_OF, values)",
    "an expression": "connection.execute(select(A.c.a).where(A.c.a == x).join(B))",
    "an expression of a table": "connection.execute(A.insert(), rows)",
    "an expression in a variable": "q = select(A.c.a)\nq = q.where(A.c.a == x)\nconnection.scalars(q)",
    "text of either kind": "q = text('SELECT 1 FROM DUAL') if x else text('SELECT 1')\nconnection.execute(q)",
    "text of the library": "import sqlalchemy as sa\nconnection.execute(sa.text('SELECT 1'))",
    "a typed parameter": "def g(q: 'Select[Any]'):\n    connection.execute(q)",
    "a typed function": "def g() -> Select[int]: ...\nconnection.execute(g().limit(x))",
    "each of some constants": "for q in ('ROLLBACK', DONE):\n    cursor.execute(q)",
    "one of some constants": "cursor.execute(('COMMIT', DONE)[x])",
    "a constant of the class": "class A:\n        Q = 'COMMIT'\n        def g(self): c.execute(self.Q)",
    "a column of a result": "result.scalars(0)",
    "no statement at all": "result.scalars()",
}


def in_a_function(lines: str) -> str:
    body = lines.replace("\n", "\n    ")
    return f'import sqlite3\nDONE = "COMMIT"\ndef f(self, x, cursor):\n    {body}\n'


@pytest.mark.parametrize("lines", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_where_a_database_is_reached_the_lint_sees_a_statement_out_of(lines: str) -> None:
    source = in_a_function(lines)
    assert source.count("\n") in [line for line, _ in sql_lint.examined(source)]


@pytest.mark.parametrize("lines", KNOWN.values(), ids=KNOWN.keys())
def test_where_a_database_is_reached_the_lint_leaves_alone(lines: str) -> None:
    assert sql_lint.examined(in_a_function(lines)) == []


def test_a_log_line_of_a_count_has_no_field_of_a_request() -> None:
    namespace, _, dimensions = emitted("x", "prod", MetricName.DEPENDENCY_UNAVAILABLE, "database")

    assert namespace == "Services"
    assert {key for key, _ in dimensions} == {"service", "stage", "dependency"}


def test_every_seed_belongs_to_a_table_of_its_service_and_has_its_key(render: Render) -> None:
    for file in SERVICES.glob("*/seed/*.json"):
        tables = resources(parsed(render(file.parts[-3], "dev")), "AWS::DynamoDB::Table")
        for logical, items in json.loads(file.read_text("utf-8")).items():
            keys = {key["AttributeName"] for key in tables[logical]["KeySchema"]}
            assert items and all(keys <= set(item) for item in items)


def test_every_event_of_an_api_is_one_that_its_template_wires() -> None:
    for file in SERVICES.glob("*/events/*.json"):
        event = json.loads(file.read_text("utf-8"))
        if event.get("version") == "2.0":
            known = {f"{route.method} {route.path}" for route in ROUTES[file.parts[-3]]}
            assert event["routeKey"] in known, file
            pattern = re.sub(r"{\w+}", "[^/]+", event["routeKey"].split(" ")[1])
            assert re.fullmatch(pattern, event["rawPath"]), file
