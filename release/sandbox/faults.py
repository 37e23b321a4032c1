"""Faults on demand: refused, slow, lost or hanging calls and failing stack resources, set over HTTP.

`PUT /_sandbox/faults` takes a JSON list of rules, `GET` answers the rules that fired; `GET /_sandbox/calls`
answers every call so far, `DELETE` forgets them. Only HTTP is known here: service and region come from the
credential scope of the signature.
"""

import asyncio
import json
import random
import re
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_DOOR = "/_sandbox/"
_LOOK_SECONDS = 0.01  # how often a held call looks whether it may go on
_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One fault. What says which calls it meets is None (any) or must match; `path` and `stack` are regexes.

    `stack` is matched against "TYPE VERB NAME" (AWS::Lambda::Function update orders) and fails that resource
    of a stack instead of a call. `when` "before": the call is not carried out; "after": it is, and the caller
    does not hear of it. Without a status a rule only delays: by its latency, or with `hold` until other rules
    are set. `hang` never answers. `times` is how often it fires; None is always.
    """

    service: str | None = None
    region: str | None = None
    account: str | None = None
    method: str | None = None
    action: str | None = None
    path: str = ""
    stack: str | None = None
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    latency_ms: float = 0.0
    when: Literal["before", "after"] = "before"
    hold: bool = False
    hang: bool = False
    status: int | None = None
    code: str = "InternalFailure"
    message: str = "injected by the sandbox"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the sandbox. `action` is empty where method and path say it (Lambda, S3)."""

    service: str
    region: str
    account: str
    method: str
    path: str
    action: str


class FaultRules:
    """The rules in force, what fired and what was called. Safe for threads."""

    def __init__(self, *, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - faults repeat from run to run
        self._rules: list[FaultRule] = []
        self._met: list[int] = []
        self.fired: list[dict[str, Any]] = []
        self.calls: list[Call] = []

    def set(self, rules: list[FaultRule]) -> None:
        with self._lock:
            self._rules, self._met, self.fired = rules, [0] * len(rules), []

    def in_force(self, rule: FaultRule) -> bool:
        return any(one is rule for one in self._rules)

    def note(self, rule: FaultRule, firing: dict[str, Any]) -> None:
        """Keeps that the rule has fired, unless it was replaced meanwhile."""
        with self._lock:
            if self.in_force(rule):
                self.fired.append(firing)

    def for_call(self, call: Call) -> tuple[FaultRule, dict[str, Any]] | None:
        """Keeps the call; answers the first rule that fires for it, and what is to be noted when it has."""
        self.calls.append(call)

        def meets(rule: FaultRule) -> bool:
            wanted = (rule.service, rule.region, rule.account, rule.method, rule.action)
            given = (call.service, call.region, call.account, call.method, call.action)
            return (
                rule.stack is None
                and all(want in (None, have) for want, have in zip(wanted, given, strict=True))
                and re.search(rule.path, call.path) is not None
            )

        return self._first(meets, asdict(call))

    def stack_failure(self, resource_type: str, verb: str, name: str) -> str | None:
        """The message with which this resource of a stack is to fail."""
        subject = f"{resource_type} {verb} {name}"
        found = self._first(
            lambda rule: rule.stack is not None and bool(re.search(rule.stack, subject)), {"stack": subject}
        )
        if found is None:
            return None
        self.note(*found)
        return found[0].message

    def _first(
        self, meets: Callable[[FaultRule], bool], met: dict[str, Any]
    ) -> tuple[FaultRule, dict[str, Any]] | None:
        with self._lock:
            for index, rule in enumerate(self._rules):
                if not meets(rule) or self._random.random() >= rule.probability:
                    continue
                self._met[index] += 1
                turn = self._met[index] - rule.skip
                if turn < 1 or (rule.times is not None and turn > rule.times):
                    continue
                return rule, {"rule": index, **met}
        return None


class FaultInjection:
    """The front of the server. `account_of` names the account of an access key."""

    def __init__(self, application: Application, rules: FaultRules, account_of: Callable[[str], str]) -> None:
        self._application = application
        self._rules = rules
        self._account_of = account_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif scope["path"].startswith(_DOOR):
            status, answer = self._control(scope["method"], scope["path"], await _body(receive))
            await _answer(send, status, answer)
        else:
            await self._forward(scope, receive, send)

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        call, receive = await self._call(scope, receive)
        found = self._rules.for_call(call)
        if found is None:
            await self._application(scope, receive, send)
            return
        rule, firing = found
        if rule.when == "before":
            self._rules.note(rule, firing)
        await asyncio.sleep(rule.latency_ms / 1000)
        while rule.hold and self._rules.in_force(rule):
            await asyncio.sleep(_LOOK_SECONDS)
        speaks_up = rule.hang or rule.status is not None
        if rule.when == "after" or not speaks_up:
            await self._application(scope, receive, _unheard if speaks_up else send)
        if rule.when == "after":
            self._rules.note(rule, firing)  # whoever reads it can rely on the call having been carried out
        if rule.hang:
            while (await receive())["type"] != "http.disconnect":
                pass
        elif rule.status is not None:
            body = {"Type": "User", "message": rule.message, "__type": rule.code}
            if call.action and call.service in ("cloudformation", "iam", "sts"):
                await _answer_xml(send, rule)
            else:
                await _answer(send, rule.status, body, (b"x-amzn-errortype", rule.code.encode()))

    async def _call(self, scope: Scope, receive: Receive) -> tuple[Call, Receive]:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        found = _CREDENTIAL.search(headers.get(b"authorization", ""))
        access_key, region, service = found.groups() if found else ("", "", "")
        action = headers.get(b"x-amz-target", "").rpartition(".")[2]
        if headers.get(b"content-type", "").startswith("application/x-www-form-urlencoded"):
            body = await _body(receive)
            action = parse_qs(body.decode("utf-8", errors="replace")).get("Action", [""])[0]
            receive = _again(body, receive)
        query = scope.get("query_string", b"").decode("latin-1")
        path = f"{scope['path']}?{query}" if query else scope["path"]
        account = self._account_of(access_key) if access_key else ""
        return Call(service, region, account, scope["method"], path, action), receive

    def _control(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        match method, path.removeprefix(_DOOR):
            case "PUT", "faults":
                try:
                    self._rules.set(parse_rules(body))
                except (ValueError, TypeError) as error:
                    return 400, {"message": str(error)}
                return 200, {}
            case "GET", "faults":
                return 200, self._rules.fired
            case "GET", "calls":
                return 200, [asdict(call) for call in self._rules.calls]
            case "DELETE", "calls":
                self._rules.calls = []
                return 200, {}
        return 404, {"message": f"no such door: {method} {path}"}


def parse_rules(body: bytes) -> list[FaultRule]:
    """Rules from a JSON list of objects. Raises ValueError for an unknown key or an invalid pattern."""
    known = {field.name for field in fields(FaultRule)}
    rules = []
    for given in json.loads(body):
        if unknown := given.keys() - known:
            raise ValueError(f"unknown keys in a fault rule: {', '.join(sorted(unknown))}")
        rule = FaultRule(**given)
        for pattern in (rule.path, rule.stack or ""):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {pattern}: {error}") from error
        rules.append(rule)
    return rules


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once more and then goes on."""
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay


async def _unheard(message: Message) -> None:
    """Drops what the application answers."""


async def _answer(send: Send, status: int, answer: Any, *headers: tuple[bytes, bytes]) -> None:
    await _send(send, status, b"application/json", json.dumps(answer).encode(), *headers)


async def _answer_xml(send: Send, rule: FaultRule) -> None:
    error = f"<Type>Sender</Type><Code>{escape(rule.code)}</Code><Message>{escape(rule.message)}</Message>"
    body = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
    await _send(send, rule.status or 500, b"text/xml", body.encode())


async def _send(
    send: Send, status: int, content_type: bytes, body: bytes, *headers: tuple[bytes, bytes]
) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", content_type), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})
