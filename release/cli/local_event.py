"""`release local event`: events as AWS sends them, for files in services/NAME/events/."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli.output import show_json
from release.cli.usage import Verbs
from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.local.events import Origin

_ACCOUNT, _REGION = "123456789012", "us-east-1"  # as AWS's own examples have them


@click.group("event", cls=Verbs, short_help="Print an event as AWS sends it, for trying a handler.")
def command() -> None:
    """Put it into a file, and into a function: release local invoke SERVICE --event FILE."""


@command.command("apigateway", short_help="A request to an HTTP API, payload format 2.0.")
@click.option("--method", default="GET", show_default=True, metavar="METHOD")
@click.option("--path", default="/", show_default=True, metavar="PATH")
@click.option("--query", "query", multiple=True, metavar="NAME=VALUE", help="Once or more.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Once or more.")
@click.option("--body", metavar="TEXT", help="@FILE: what is in the file.")
@click.option(
    "--route", metavar="ROUTE", help='For path parameters, as in the template: "GET /config/{userId}".'
)
def apigateway(
    method: str,
    path: str,
    query: tuple[str, ...],
    headers: tuple[str, ...],
    body: str | None,
    route: str | None,
) -> None:
    """Print a request to an HTTP API."""
    from urllib.parse import urlencode

    from release.core.http_api import HttpCall
    from release.local.events import apigateway as made

    if not path.startswith("/"):
        raise Misconfigured(f"the path {path} does not begin with /", fix=f"give --path /{path}")
    data = b"" if body is None else _bytes(body)
    given = {name.lower(): value for name, value in (_pair("--header", one) for one in headers)}
    if data:
        given = {"content-type": "application/json", "content-length": str(len(data)), **given}
    pairs = [_pair("--query", one) for one in query]
    call = HttpCall(method.upper(), path, urlencode(pairs), given, data)
    show_json(made(call, _origin(), route=route))


@command.command("stream", short_help="A change of an item, from the stream of a DynamoDB table.")
@click.option("--table", default="table", show_default=True, metavar="NAME")
@click.option("--keys", default='{"id": "1"}', show_default=True, metavar="JSON")
@click.option("--new", metavar="JSON", help="The item afterwards; without it: REMOVE.")
@click.option("--old", metavar="JSON", help="The item before; without it: INSERT.")
def stream(table: str, keys: str, new: str | None, old: str | None) -> None:
    """Print a change of one item; without --new and --old an INSERT of the keys alone."""
    from release.local.events import stream as made

    _named("--table", table, "a-zA-Z0-9_.-")
    after = {} if new is None and old is None else _object("--new", new)
    show_json(made(table, _object("--keys", keys) or {}, _origin(), new=after, old=_object("--old", old)))


@command.command("sqs", short_help="Messages of an SQS queue.")
@click.option("--queue", default="queue", show_default=True, metavar="NAME")
@click.option("--body", "bodies", multiple=True, metavar="TEXT", help="Once or more; @FILE: from a file.")
def sqs(queue: str, bodies: tuple[str, ...]) -> None:
    """Print messages of a queue; without --body one with an empty JSON object."""
    from release.local.events import sqs as made

    _named("--queue", queue.removesuffix(".fifo"), "a-zA-Z0-9_-")
    texts = [_bytes(one).decode("utf-8", errors="replace") for one in bodies] or ["{}"]
    show_json(made(queue, texts, _origin()))


def _origin() -> "Origin":
    from datetime import UTC, datetime

    from release.local.events import Origin

    return Origin(_ACCOUNT, _REGION, datetime.now(UTC))


def _named(option: str, name: str, letters: str) -> None:
    """`letters`: those that CreateTable and CreateQueue take. Another name would make no valid event."""
    if not re.fullmatch(f"[{letters}]+", name):
        raise Misconfigured(
            f"{option} {name!r} is no name of AWS", fix=f"use letters of {letters}, as in {option} orders"
        )


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Misconfigured(f"{option} {text} is not NAME=VALUE", fix=f"write it as in {option} id=PROD-101")
    return name, value


def _bytes(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"{text[1:]} cannot be read: {error.strerror}", fix="name a file that exists behind the @"
        ) from error


def _object(option: str, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    from decimal import Decimal

    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise Misconfigured(
            f"{option} is no JSON: {error}", fix=f"""write it as in {option} '{{"id": "1"}}'"""
        ) from error
    if not isinstance(found, dict):
        raise Misconfigured(f"{option} is no object", fix=f"""write it as in {option} '{{"id": "1"}}'""")
    return found
