"""How AWS calls the operation behind an HTTP request: UpdateAlias, PutObject, DescribeStacks.

Query and JSON requests say it. For REST it follows from method and path, by the descriptions of the services
that botocore carries. Their files are read without importing botocore, which would cost a tenth of a second.
"""

import gzip
import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

# Names in signatures that are no names of botocore's clients -> the clients that sign with them.
_CLIENTS = {
    "apigateway": ("apigateway", "apigatewayv2"),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "elasticloadbalancing": ("elbv2", "elb"),
    "email": ("sesv2", "ses"),
    "monitoring": ("cloudwatch",),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
}
_LABEL = re.compile(r"\{(\w+)(\+?)\}")
# Members of a request that say what it is about.
_NAMING = re.compile(r"(name|arn|url|identifier|secretid|keyid)s?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """How requests of one operation of a REST service look.

    `fixed` are parameters of the query string that have this value, or any (None); `headers` must be there.
    """

    operation: str
    method: str
    path: re.Pattern[str]
    fixed: Mapping[str, str | None]
    headers: frozenset[str]
    has_document: bool  # the body is a document of members, not a payload

    def labels(
        self, method: str, path: str, query: Mapping[str, str], headers: Iterable[str]
    ) -> list[str] | None:
        """What the path names, when the request is one of this operation. `path` is percent-encoded."""
        if method != self.method or not self.headers <= set(headers):
            return None
        if any(name not in query or value not in (None, query[name]) for name, value in self.fixed.items()):
            return None
        found = self.path.fullmatch(path)
        return [unquote(label) for label in found.groups()] if found else None


@dataclass(frozen=True, slots=True)
class Description:
    """What is of use here in the description of one service."""

    client: str
    protocol: str
    operations: tuple[str, ...]
    routes: tuple[Route, ...]  # the most particular first
    errors: Mapping[str, Mapping[int, tuple[str, ...]]]  # operation -> HTTP status -> codes


@dataclass(frozen=True, slots=True)
class Named:
    """The client of botocore that makes the call, the operation, and what the path names."""

    client: str
    operation: str
    labels: tuple[str, ...] = ()
    has_document: bool = True


def clients_of(signing_name: str) -> tuple[str, ...]:
    """botocore's clients that sign with this name; without a description the name itself."""
    return _CLIENTS.get(signing_name, (signing_name,))


def named_by_path(
    signing_name: str, method: str, path: str, query: Mapping[str, str], headers: Iterable[str]
) -> Named:
    """The operation of a REST request; an empty one when no description knows the request.

    `path` is percent-encoded; names of `headers` are in lower case.
    """
    given = tuple(headers)
    for client in clients_of(signing_name):
        description = described(client)
        for route in description.routes if description else ():
            labels = route.labels(method, path, query, given)
            if labels is not None:
                return Named(client, route.operation, tuple(labels), route.has_document)
    return Named(clients_of(signing_name)[0], "")


def named_by_word(signing_name: str, operation: str) -> Named:
    """The operation that a request says itself; only services that share a signing name are looked up."""
    first, *others = clients_of(signing_name)
    for client in (first, *others) if others else ():
        description = described(client)
        if description and operation in description.operations:
            return Named(client, operation)
    return Named(first, operation)


def declared_codes(client: str, operation: str, status: int) -> tuple[str, ...]:
    """The codes that the description gives to this HTTP status of the operation."""
    description = described(client)
    return description.errors.get(operation, {}).get(status, ()) if description else ()


@cache
def services() -> tuple[str, ...]:
    """Every service that botocore describes, by the name of its client."""
    return tuple(sorted(path.name for path in _data().iterdir() if path.is_dir()))


@cache
def described(client: str) -> Description | None:
    """The newest description of a service. None: there is none."""
    if not re.fullmatch(r"[a-z0-9-]+", client):
        return None
    files = sorted((_data() / client).glob("*/service-2.json*"))
    files = [file for file in files if file.name in ("service-2.json", "service-2.json.gz")]
    if not files:
        return None
    content = files[-1].read_bytes()
    model = json.loads(gzip.decompress(content) if files[-1].suffix == ".gz" else content)
    return _description(client, model)


def names_in(document: Mapping[str, Any]) -> Iterator[str]:
    """What a request is about, by the members of its document that say so: names, ARNs, URLs."""
    for key, value in document.items():
        if _NAMING.search(re.sub(r"(\.member)?\.\d+$", "", key)):
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, str) and one:
                    yield from short_names(one)
    # DynamoDB names tables deeper where a request is about several
    if isinstance(tables := document.get("RequestItems"), dict):
        yield from tables
    for item in document.get("TransactItems") or ():
        for part in item.values() if isinstance(item, dict) else ():
            if isinstance(part, dict) and isinstance(part.get("TableName"), str):
                yield part["TableName"]


def short_names(value: str) -> Iterator[str]:
    """The value as it is, and the names in it when it is an ARN, a URL or NAME:QUALIFIER."""
    yield value
    if value.startswith("arn:"):
        # arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER, arn:aws:s3:::BUCKET, …:stack/NAME/ID
        parts = re.split(r"[:/]", value.split(":", 5)[-1])
        yield from filter(None, parts[1:] or parts)
        if parts[0] == "function" and len(parts) > 2:
            yield f"{parts[1]}/{parts[2]}"
    elif "://" in value:
        yield value.rstrip("/").rpartition("/")[2]
    elif ":" in value:
        yield from filter(None, value.split(":"))
        yield value.replace(":", "/")


@cache
def regions() -> frozenset[str]:
    """Every region of every partition that botocore knows."""
    known = json.loads((_data() / "partitions.json").read_bytes())
    return frozenset(name for partition in known["partitions"] for name in partition["regions"])


def _data() -> Path:
    found = importlib.util.find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("botocore is not installed")
    return Path(found.submodule_search_locations[0]) / "data"


def _description(client: str, model: Mapping[str, Any]) -> Description:
    operations, shapes = model["operations"], model["shapes"]
    errors: dict[str, dict[int, tuple[str, ...]]] = {}
    for name, operation in operations.items():
        by_status: dict[int, tuple[str, ...]] = {}
        for one in operation.get("errors", ()):
            told = shapes[one["shape"]].get("error", {})
            if status := told.get("httpStatusCode"):
                by_status[status] = (*by_status.get(status, ()), told.get("code", one["shape"]))
        errors[name] = by_status
    routes = []
    if model["metadata"].get("protocol", "").startswith("rest-"):
        old_last = sorted(operations.values(), key=lambda operation: bool(operation.get("deprecated")))
        routes = sorted((_route(operation, shapes) for operation in old_last), key=_generality)
    return Description(
        client, model["metadata"].get("protocol", ""), tuple(sorted(operations)), tuple(routes), errors
    )


def _route(operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> Route:
    uri, _, fixed_query = operation["http"]["requestUri"].partition("?")
    fixed: dict[str, str | None] = {}
    for pair in filter(None, fixed_query.split("&")):
        name, has_value, value = pair.partition("=")
        fixed[name] = value if has_value else None
    shape = shapes[operation["input"]["shape"]] if "input" in operation else {}
    members = shape.get("members", {})
    headers = set()
    for name in shape.get("required", ()):
        where = members[name]
        if where.get("location") == "querystring":
            fixed.setdefault(where["locationName"], None)
        elif where.get("location") == "header":
            headers.add(where["locationName"].lower())
    has_document = "payload" not in shape and any("location" not in one for one in members.values())
    return Route(
        operation["name"], operation["http"]["method"], _path(uri), fixed, frozenset(headers), has_document
    )


def _path(uri: str) -> re.Pattern[str]:
    pieces, at = [], 0
    for label in _LABEL.finditer(uri):
        pieces += [re.escape(uri[at : label.start()]), "(.+)" if label[2] else "([^/]+)"]
        at = label.end()
    # Older descriptions end some paths with a slash that newer ones do not have, and clients send both.
    return re.compile("".join(pieces) + re.escape(uri[at:]).rstrip("/") + "/?", re.DOTALL)


def _generality(route: Route) -> tuple[int, int, int]:
    """Smaller for what asks more of a request: S3 tells CopyObject from PutObject by a header alone."""
    asked = len(route.fixed) + len(route.headers)
    return -asked, route.path.groups, -len(route.path.pattern)
