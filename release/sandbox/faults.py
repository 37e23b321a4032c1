"""Faults on demand: refused, slow, lost or hanging calls, and failing stack resources.

The front of the sandbox's server. It is told over HTTP what is to fail, by the doors of `doors.py`.
"""

import asyncio
import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from release import __version__
from release.errors import Misconfigured
from release.sandbox import calls as calls_of_aws
from release.sandbox.calls import Call, Caller, CallLog, NotedCall, Speech
from release.sandbox.doors import CALLS, DOOR, FIRED, FORGE, RULES, SOURCES, WELCOME
from release.sandbox.fault_answers import WireError, error_of
from release.sandbox.fault_names import looked_up
from release.sandbox.fault_rules import FaultRule, parse_rule
from release.sandbox.faults_in_force import Fault, FaultRules
from release.sandbox.forge import application as forge
from release.sandbox.sources import Sources

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOK_SECONDS = 0.01  # how often a call that waits looks whether it may go on


class FaultInjection:
    """The front of the server. `caller_of` knows whose an access key is.

    `set_up` carries out what is said at the doors below forge/, by their names; `sources` keeps what is said
    at the door of that name.
    """

    def __init__(
        self,
        application: Application,
        rules: FaultRules,
        caller_of: Callable[[str], Caller],
        set_up: Callable[[str, Any], Any],
        sources: Sources,
    ) -> None:
        self._application = application
        self._sources = sources
        self._set_up = set_up
        self._rules = rules
        self._log = CallLog()
        self._caller_of = caller_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif scope["path"].startswith(DOOR):
            # In a thread, since the forge may be busy.
            status, answer = await asyncio.to_thread(self._door, scope, await _body(receive))
            body = json.dumps(answer).encode()
            await _send(send, WireError(status, ((b"content-type", b"application/json"),), body))
        else:
            await self._forward(scope, receive, send)

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        if calls_of_aws.wants_body(scope):
            body = await _body(receive)
            receive = _again(body, receive)
        if forge.is_for_forge(scope):
            call, speech = forge.read(scope, body)
        else:
            call, speech = calls_of_aws.read(scope, body, self._caller_of)
        noted = self._log.note(call)
        try:
            await self._carry_out(noted, speech, scope, receive, _noting(noted, send))
        finally:
            noted.ended = True

    async def _carry_out(
        self, noted: NotedCall, speech: Speech, scope: Scope, receive: Receive, send: Send
    ) -> None:
        call = noted.call
        fault = self._rules.for_call(call)
        if fault is None:
            await self._application(scope, receive, send)
            return
        noted.fault = fault.id
        answer: list[Message] = []
        if fault.rule.when == "after":
            await self._application(scope, receive, _kept(answer))
        # With "after", whoever reads it can rely on the call having been carried out.
        self._rules.note(fault, asdict(call))
        await self._delay(fault)
        await self._end(fault.rule, call, speech, scope, receive, send, answer)

    async def _delay(self, fault: Fault) -> None:
        over = time.monotonic() + fault.rule.latency_ms / 1000
        while (left := over - time.monotonic()) > 0 and self._rules.in_force(fault):
            await asyncio.sleep(min(left, _LOOK_SECONDS))
        while fault.rule.hold and self._rules.in_force(fault):
            await asyncio.sleep(_LOOK_SECONDS)

    async def _end(
        self,
        rule: FaultRule,
        call: Call,
        speech: Speech,
        scope: Scope,
        receive: Receive,
        send: Send,
        answer: Iterable[Message],
    ) -> None:
        if rule.close or rule.hang:
            if rule.close:
                _hang_up_on(scope["client"])
            while (await receive())["type"] != "http.disconnect":
                pass
        elif rule.status is not None or rule.code is not None:
            if rule.when == "before":
                await _body(receive)  # a client that is still sending would not hear the answer
            await _send(send, error_of(rule, call, speech))
        elif rule.when == "before":
            await self._application(scope, receive, send)
        else:
            for message in answer:
                await send(message)

    def _door(self, scope: Scope, body: bytes) -> tuple[int, Any]:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        try:
            return self._opened(scope["method"], scope["path"].removeprefix(DOOR), query, body)
        except (Misconfigured, ValueError, TypeError) as error:
            fix = error.fix if isinstance(error, Misconfigured) else "send what the door takes, as JSON"
            return 400, {"cause": str(error), "fix": fix}

    def _opened(self, method: str, door: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
        rules, name, number = self._rules, door.partition("/")[0], door.partition("/")[2]
        match method, name:
            case "GET", "":
                return 200, {WELCOME: __version__}
            case "GET", _ if name == RULES:
                return 200, rules.shown()
            case "PUT", _ if name == RULES:
                given = json.loads(body)
                return 200, rules.set([looked_up(parse_rule(one)) for one in given])
            case "POST", _ if name == RULES:
                return 200, rules.add(looked_up(parse_rule(json.loads(body))))
            case "DELETE", _ if name == RULES and re.fullmatch("[0-9]+", number):
                return (200, {}) if rules.remove(int(number)) else (404, {"cause": "no such fault"})
            case "GET", _ if name == FIRED:
                return 200, rules.fired()
            case "GET", _ if name == CALLS:
                return 200, self._log.after(int(query.get("after", ["0"])[0]))
            case "DELETE", _ if name == CALLS:
                self._log.forget(int(query["until"][0]) if "until" in query else None)
                return 200, {}
            case "POST", _ if name == FORGE:
                return 200, self._set_up(number, json.loads(body))
            case "PUT", _ if name == SOURCES:
                self._sources.set(json.loads(body))
                return 200, {}
        return 404, {"cause": f"no such door: {method} {door}"}


def _hang_up_on(client: tuple[str, int]) -> None:
    """Ends the connection with this client, as a network does: at once and without a word.

    ASGI knows no way to; the server of today would send a 500 for an application that says nothing. So it is
    done where it is the same for every server: at the socket that has this peer.
    """
    for entry in Path("/dev/fd").iterdir():
        with contextlib.suppress(OSError):
            copy = os.dup(int(entry.name))
            try:
                connection = socket.socket(fileno=copy)
            except OSError:
                os.close(copy)  # no socket
                continue
            with connection:
                if connection.getpeername() == tuple(client):
                    connection.shutdown(socket.SHUT_RDWR)


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


def _kept(messages: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        messages.append(message)

    return keep


def _noting(noted: NotedCall, send: Send) -> Send:
    """A send that keeps the status in the log."""

    async def note(message: Message) -> None:
        if message["type"] == "http.response.start":
            noted.status = message["status"]
        await send(message)

    return note


async def _send(send: Send, answer: WireError) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body})
