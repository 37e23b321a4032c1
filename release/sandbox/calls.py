"""The calls of AWS that reach the sandbox: who calls what, read from the HTTP request, and how each ended.

Service, region and account come from the credential scope of the signature
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
"""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from release.sandbox import operations

KEPT_CALLS = 100_000
Protocol = Literal["query", "ec2", "json", "rest-json", "rest-xml", "s3", "cbor", "github"]

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/([^/]+)/?")


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `service` is botocore's name of the client ("cloudwatch", though it signs as "monitoring").

    Without a signature service, region, account and operation are empty. `resources` are the names of what
    the call is about: of a function, its alias and both ("orders/live"), a bucket and a key and both, a
    stack, a table.
    """

    service: str
    region: str
    account: str
    method: str
    path: str  # with the query string
    operation: str
    resources: tuple[str, ...]
    role: str = ""  # name of the role whose session it was; empty: the account's own


_FIELDS = tuple(field.name for field in fields(Call))


class Caller(NamedTuple):
    """Whose access key it is."""

    account: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """How the caller speaks, in which it has to be answered."""

    protocol: Protocol
    content_type: str = ""
    query_codes: bool = False  # of a service that once spoke query: its clients know the codes of that time


def read(scope: Mapping[str, Any], body: bytes, caller_of: Callable[[str], Caller]) -> tuple[Call, Speech]:
    """The call that an HTTP request (as an ASGI scope) makes. `caller_of` knows whose key it is.

    `body` may be empty where `wants_body` said no.
    """
    headers = _headers(scope)
    raw_query = scope.get("query_string", b"").decode("latin-1")
    query = dict(parse_qsl(raw_query, keep_blank_values=True))
    # A presigned URL has in the query string what is otherwise in a header.
    presigned = f"Credential={query.get('X-Amz-Credential', '')}/"
    found = _CREDENTIAL.search(headers.get("authorization", presigned))
    # Without a scope there is only S3's older way of presigning, which names the key alone.
    older = (query.get("AWSAccessKeyId", ""), "", "s3" if "AWSAccessKeyId" in query else "")
    access_key, region, signing_name = found.groups() if found else older
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    speech, named, document = _spoken(signing_name, scope["method"], path, query, headers, body)
    names = [*_names_of_path(named, query.get("Qualifier")), *operations.names_in(document)]
    shown = f"{scope['path']}?{raw_query}" if raw_query else scope["path"]
    caller = caller_of(access_key) if access_key else Caller("")
    resources = tuple(dict.fromkeys(names))
    call = Call(
        named.client, region, caller.account, scope["method"], shown, named.operation, resources, caller.role
    )
    return call, speech


def wants_body(scope: Mapping[str, Any]) -> bool:
    """Whether the body says more of the call: not for S3, where it is an object."""
    headers = _headers(scope)
    kind = headers.get("content-type", "")
    return "/s3/aws4_request" not in headers.get("authorization", "") and (
        kind.startswith("application/x-www-form-urlencoded") or "json" in kind
    )


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _spoken(
    signing_name: str,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[Speech, operations.Named, Mapping[str, Any]]:
    """What protocol it is, the operation, and the members of the request that do not stand in the path."""
    kind = headers.get("content-type", "")
    if headers.get("smithy-protocol") == "rpc-v2-cbor" and (found := _CBOR_PATH.fullmatch(path)):
        return Speech("cbor", query_codes=True), operations.named_by_word(signing_name, found[1]), {}
    if target := headers.get("x-amz-target"):
        named = operations.named_by_word(signing_name, target.rpartition(".")[2])
        return Speech("json", kind, "x-amzn-query-mode" in headers), named, _json(body)
    form = dict(query)
    if kind.startswith("application/x-www-form-urlencoded"):
        form |= dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))
    if "Action" in form and signing_name != "s3":
        named = operations.named_by_word(signing_name, form["Action"])
        return Speech("ec2" if signing_name == "ec2" else "query"), named, form
    named = operations.named_by_path(signing_name, method, path, query, headers)
    if signing_name == "s3":
        return Speech("s3"), named, {}
    description = operations.described(named.client)
    xml = description is not None and description.protocol == "rest-xml"
    document = _json(body) if named.has_document and named.operation and not xml else {}
    return Speech("rest-xml" if xml else "rest-json"), named, document


def _names_of_path(named: operations.Named, qualifier: str | None) -> Iterator[str]:
    labels = (*named.labels, qualifier) if qualifier and named.client == "lambda" else named.labels
    for label in labels:
        yield from operations.short_names(label) if named.client != "s3" else (label,)
    if len(labels) > 1:
        yield "/".join(labels)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body) if body else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


@dataclass(slots=True)
class NotedCall:
    """A call in the log, and how it ended: the status answered, and the fault that met it.

    One that has ended without a status was not answered.
    """

    number: int
    call: Call
    status: int | None = None  # None: not answered, or not yet
    fault: int | None = None
    ended: bool = False

    def shown(self) -> dict[str, Any]:
        # By hand: dataclasses.asdict takes three seconds for a full log, and the sandbox answers nobody then.
        call = {name: getattr(self.call, name) for name in _FIELDS}
        return {
            "number": self.number,
            **call,
            "status": self.status,
            "fault": self.fault,
            "ended": self.ended,
        }


class CallLog:
    """The last calls, numbered from 1. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: deque[NotedCall] = deque(maxlen=KEPT_CALLS)
        self._number = 0

    def note(self, call: Call) -> NotedCall:
        with self._lock:
            self._number += 1
            noted = NotedCall(self._number, call)
            self._noted.append(noted)
            return noted

    def after(self, number: int) -> list[dict[str, Any]]:
        """The calls with a higher number, oldest first."""
        with self._lock:
            return [noted.shown() for noted in self._noted if noted.number > number]

    def forget(self, until: int | None = None) -> None:
        """Those up to this number, or all. Numbers go on."""
        with self._lock:
            while self._noted and (until is None or self._noted[0].number <= until):
                self._noted.popleft()
