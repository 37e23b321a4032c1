"""A small fleet for `release local`: an HTTP API over a database and a table, a queue, a migration."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = """\
artifacts: {account: "999999999999", bucket: "local-artifacts-{region}"}
alias: live
environments:
  dev: {account: "111111111111", regions: [us-east-1]}
  qa: {account: "222222222222", regions: [us-east-1]}
"""
PIPELINE = """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, on: push, rollout: all-at-once}
  - {name: qa, channel: qa, after: dev, rollout: all-at-once}
"""
SERVICE = """\
team: backend
owner: greetings@acme.example
data_class: internal
cost_center: "1"
runtime: python3.13
architecture: arm64
functions:
  api: {name: "greeter-{stage}", handler: greeter.handler.handler}
  migrate: {name: "greeter-migrate-{stage}", handler: greeter.migrate.handler}
settings:
  default:
    timeout: 20
    environment: {DATABASE_URL: "sqlite://", GREETING: hello}
migrations: {function: migrate, payload: {up: head}}
"""
TEMPLATE = """\
{% extends "stack.j2" %}
{% import "function.j2" as lambda with context %}
{% import "http_api.j2" as http with context %}
{% import "queue.j2" as sqs with context %}
{% import "table.j2" as dynamodb with context %}
{% import "trigger.j2" as trigger with context %}

{% block resources %}
{{ dynamodb.table("Greeted", name="greeted", key=["id"]) }}
{{ sqs.queue("Inbox", "inbox") }}
{{ lambda.function("api", tables={"Greeted": {"variable": "TABLE", "allow": ["dynamodb:PutItem"]}},
                   uses=[{"queue": "Inbox"}]) }}
{{ lambda.function("migrate") }}
{{ trigger.queue("FromInbox", "api", "Inbox") }}
{{ http.http_api("api", routes=["GET /hello/{name}"]) }}
{% endblock %}

{% block outputs %}
{{ lambda.outputs("api") }}
{% endblock %}
"""
HANDLER = """\
import json
import os
import sqlite3

import boto3

from common.words import PUNCTUATION

TABLE = boto3.client("dynamodb")
DATABASE = os.environ["DATABASE_URL"].removeprefix("sqlite:///")


def handler(event, context):
    if event.get("health_check"):
        return {"statusCode": 200}
    for record in event.get("Records", ()):
        greeted(record["messageId"], record["body"])
    if "Records" in event:
        return {"batchItemFailures": []}
    name = event["pathParameters"]["name"]
    with sqlite3.connect(DATABASE) as database:
        known = database.execute("SELECT title FROM people WHERE name = ?", [name]).fetchone()
    greeted(event["requestContext"]["requestId"], name)
    print(json.dumps({"level": "INFO", "message": "greeted", "who": name}))
    said = f"{os.environ['GREETING']} {known[0] if known else 'stranger'}{PUNCTUATION}"
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": said}


def greeted(key, name):
    TABLE.put_item(TableName=os.environ["TABLE"], Item={"id": {"S": key}, "name": {"S": name}})
"""
MIGRATE = """\
import os
import sqlite3


def handler(event, context):
    if event.get("health_check"):
        return {"statusCode": 200}
    if event != {"up": "head"}:
        raise ValueError(f"not how a rollout asks: {event}")
    with sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, title TEXT NOT NULL)")
    return {"statusCode": 200}
"""
FILES: Mapping[str, str] = {
    "pipelines/environments.yaml": ENVIRONMENTS,
    "pipelines/fleet.yaml": PIPELINE,
    "services/common/__init__.py": "",
    "services/common/words.py": 'PUNCTUATION = "!"\n',
    "services/greeter/service.yaml": SERVICE,
    "services/greeter/template.yaml.j2": TEMPLATE,
    "services/greeter/greeter/__init__.py": "",
    "services/greeter/greeter/handler.py": HANDLER,
    "services/greeter/greeter/migrate.py": MIGRATE,
    "services/greeter/seed/people.sql": (
        "INSERT INTO people VALUES ('ada', 'Countess') ON CONFLICT DO NOTHING;\n"
    ),
    "services/greeter/seed/greeted.json": '{"Greeted": [{"id": "seeded", "name": "grace", "times": 1.25}]}\n',
    "services/greeter/events/default.json": json.dumps(
        {
            "version": "2.0",
            "routeKey": "GET /hello/{name}",
            "rawPath": "/hello/ada",
            "rawQueryString": "",
            "pathParameters": {"name": "ada"},
            "requestContext": {"requestId": "from-a-file", "http": {"method": "GET", "path": "/hello/ada"}},
        }
    ),
}


@dataclass(frozen=True)
class Clone:
    """A work tree, and `release` in it."""

    top: Path

    def release(self, *words: str, ends: int = 0, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", "release", *words],
            cwd=self.top,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == ends, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "release", *words],
            cwd=self.top,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def up(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.release("local", "up", "--json", *words).stdout)
        return found

    def write(self, path: str, text: str) -> None:
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.top / path).read_text(encoding="utf-8")
        assert old in text
        self.write(path, text.replace(old, new))

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def small_fleet(folder: Path) -> Clone:
    clone = Clone(folder)
    for path, text in FILES.items():
        clone.write(path, text)
    git(folder, "init", "--quiet")
    return clone


@contextlib.contextmanager
def taken_down(clone: Clone) -> Iterator[Clone]:
    try:
        yield clone
    finally:
        clone.release("local", "down")


def get(url: str, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(
            "GET", path, headers={name.replace("_", "-"): one for name, one in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def client(up: Mapping[str, Any], service: str) -> Any:
    return boto3.client(
        service,
        up["region"],
        endpoint_url=up["endpoint"],
        aws_access_key_id=up["account"],
        aws_secret_access_key="sandbox",
    )


def items(up: Mapping[str, Any], table: str) -> list[dict[str, Any]]:
    pages = client(up, "dynamodb").get_paginator("scan").paginate(TableName=table)
    return [one for page in pages for one in page["Items"]]
