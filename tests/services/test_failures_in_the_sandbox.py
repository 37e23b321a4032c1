"""What is away, expired or poisoned: the documented answer, a metric and the alarm of the stack, for real.

The price-fetcher has a database in a file and a login in Secrets Manager. The sandbox does not read metrics
out of logs, which CloudWatch does; `as_cloudwatch_reads` does it here, by the embedded metric format's own
words.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.services.deployed import REGION, SERVICES, Deploy, Deployed, client, publish, until_settled, zip_of

# one story, told in order: its tests go to one worker
pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("price-fetcher-failures")]

EVENT = json.loads((SERVICES / "price-fetcher" / "events" / "get-price.json").read_text("utf-8"))
SEED = (SERVICES / "price-fetcher" / "seed" / "prices.sql").read_text("utf-8")
ALARM_SECONDS = 30.0


class World:
    """A deployed price-fetcher, its database and its secret."""

    def __init__(self, service: Deployed, database: Path, secret: str) -> None:
        self.service = service
        self.database = database
        self.secret = secret
        self.functions = service.client("lambda")
        self._seen = 0

    def call(self, event: Any) -> dict[str, Any]:
        """Invoke a version of its own: a new environment, with no connection and no login kept."""
        name = self.service.function
        self.functions.update_function_configuration(FunctionName=name, Description=str(time.monotonic_ns()))
        until_settled(self.functions, FunctionName=name)
        version = self.functions.publish_version(FunctionName=name)["Version"]
        until_settled(self.functions, FunctionName=name, Qualifier=version)
        answer = self.functions.invoke(FunctionName=name, Qualifier=version, Payload=json.dumps(event))
        assert "FunctionError" not in answer, answer["Payload"].read()
        found: dict[str, Any] = json.load(answer["Payload"])
        return found

    def alarm(self, name: str) -> str:
        (alarm,) = self.service.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        state: str = alarm["StateValue"]
        return state

    def as_cloudwatch_reads(self) -> list[tuple[str, str]]:
        """Take the metrics that are new in the function's log; (name, dependency or "") of each."""
        metrics, found = self.service.client("cloudwatch"), []
        lines = [line for line in self.service.lines() if "_aws" in line]
        for line in lines[self._seen :]:
            for directive in line["_aws"]["CloudWatchMetrics"]:
                (names,) = directive["Dimensions"]
                for metric in directive["Metrics"]:
                    metrics.put_metric_data(
                        Namespace=directive["Namespace"],
                        MetricData=[
                            {
                                "MetricName": metric["Name"],
                                "Dimensions": [{"Name": name, "Value": line[name]} for name in names],
                                "Timestamp": datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC),
                                "Value": sum(line[metric["Name"]]),
                                "Unit": metric["Unit"],
                            }
                        ],
                    )
                    found.append((metric["Name"], line.get("dependency", "")))
        self._seen = len(lines)
        return found

    def fires(self, name: str) -> bool:
        deadline = time.monotonic() + ALARM_SECONDS
        while self.alarm(name) != "ALARM" and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.alarm(name) == "ALARM"


@pytest.fixture(scope="module")
def world(
    deploy: Deploy, endpoint: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    database = tmp_path_factory.mktemp("database") / "prices.db"
    secrets = client(endpoint, "secretsmanager")
    login = json.dumps({"username": "app_user", "password": "hunter2"})
    arn = secrets.create_secret(Name="prices", SecretString=login)["ARN"]
    environment = {
        "LOG_LEVEL": "INFO",
        "AUDIT_RETENTION_DAYS": "2192",
        "HEALTH_CRITICAL": "audit_table",
        "DATABASE_URL": f"sqlite:///{database}",
    }
    service = deploy("price-fetcher", environment=environment, secrets={"DATABASE_SECRET": arn}, tracing=None)
    code = zip_of("price-fetcher", tmp_path_factory.mktemp("migrate"))
    version = publish(endpoint, "price-fetcher-migrate-prod", code)
    functions = client(endpoint, "lambda")
    for before in ("base", "0002"):  # twice: the second run finds nothing to do
        answer = functions.invoke(
            FunctionName="price-fetcher-migrate-prod", Qualifier=version, Payload=b'{"up": "head"}'
        )
        said = json.load(answer["Payload"])
        assert said == {"statusCode": 200, "body": {"from": before, "to": "0002"}}, said
    with sqlite3.connect(database) as connection:
        connection.executescript(SEED)
    connection.close()
    yield World(service, database, arn)


def refused(answer: dict[str, Any], status: int, code: str) -> bool:
    body = json.loads(answer["body"])
    assert "price" not in body and "Traceback" not in answer["body"]
    return (answer["statusCode"], body["status"], body["code"]) == (status, status, code)


# One story: each test leaves the world as the next one needs it.
def test_all_is_well_and_no_alarm_is_on(world: World) -> None:
    answer = world.call(EVENT)

    assert (answer["statusCode"], json.loads(answer["body"])["price"]) == (200, 99.99)
    assert world.as_cloudwatch_reads() == [("PricesFetched", "")]
    items = world.service.client("dynamodb").scan(TableName=world.service.outputs["AuditTableName"])["Items"]
    assert [item["caller"]["S"] for item in items] == [
        "arn:aws:sts::111111111111:assumed-role/developer/local"
    ]
    for alarm in ("audit-table", "database", "database-login", "malformed"):
        assert world.alarm(f"price-fetcher-prod-{alarm}") != "ALARM"


def test_a_poisoned_event_is_400_a_metric_and_an_alarm(world: World) -> None:
    poison = {"Records": [{"eventSource": "aws:sqs", "body": "jane.doe@hospital.example 078-05-1120"}]}

    assert refused(world.call(poison), 400, "MALFORMED_REQUEST")
    assert world.as_cloudwatch_reads() == [("MalformedRequests", "")]
    assert world.fires("price-fetcher-prod-malformed")


def test_a_secret_that_has_gone_is_503_a_metric_and_an_alarm(world: World) -> None:
    secrets = world.service.client("secretsmanager")
    secrets.delete_secret(SecretId=world.secret, ForceDeleteWithoutRecovery=True)

    assert refused(world.call(EVENT), 503, "DEPENDENCY_UNAVAILABLE")
    assert world.as_cloudwatch_reads() == [("DependencyUnavailable", "database_login")]
    assert world.fires("price-fetcher-prod-database-login")
    assert world.alarm("price-fetcher-prod-database") != "ALARM"
    health = world.call({"health_check": True})
    assert health["body"]["dependencies"]["database"]["status"] == "down"
    world.as_cloudwatch_reads()
    login = json.dumps({"username": "app_user", "password": "hunter3"})
    secrets.create_secret(Name="prices-again", SecretString=login)


def test_a_database_that_is_away_is_503_a_metric_and_an_alarm(world: World) -> None:
    name = world.service.function
    arn = world.service.client("secretsmanager").describe_secret(SecretId="prices-again")["ARN"]
    variables = world.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    away = f"sqlite:///{world.database.parent}/moved/prices.db"
    variables |= {"DATABASE_SECRET": arn, "DATABASE_URL": away}
    world.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    until_settled(world.functions, FunctionName=name)

    assert refused(world.call(EVENT), 503, "DEPENDENCY_UNAVAILABLE")
    assert world.as_cloudwatch_reads() == [("DependencyUnavailable", "database")]
    assert world.fires("price-fetcher-prod-database")
    world.database.parent.joinpath("moved").mkdir()
    world.database.rename(world.database.parent / "moved" / "prices.db")
    assert world.call(EVENT)["statusCode"] == 200
    assert world.as_cloudwatch_reads() == [("PricesFetched", "")]


def test_an_audit_table_that_is_away_is_503_a_metric_and_an_alarm(world: World) -> None:
    table = world.service.outputs["AuditTableName"]
    world.service.client("dynamodb").delete_table(TableName=table)

    assert refused(world.call(EVENT), 503, "DEPENDENCY_UNAVAILABLE")
    assert world.as_cloudwatch_reads() == [("DependencyUnavailable", "audit_table")]
    assert world.fires("price-fetcher-prod-audit-table")
    health = world.call({"health_check": True})
    assert (health["statusCode"], health["body"]["status"]) == (503, "down")


def test_nothing_of_all_this_is_in_a_log(world: World) -> None:
    logs = [*world.service.log(), *world.service.log("MigrateLogGroupName")]

    assert len(logs) > 10
    for told in (
        "jane",
        "hunter",
        "078-05",
        "app_user",
        "PROD-101",
        "550e8400",
        "Traceback",
        "Caught exception",
    ):
        assert not [line for line in logs if told in line], told
    assert REGION in world.service.outputs["ApiFunctionArn"]
