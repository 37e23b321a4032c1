"""The doors of a running sandbox: what can be asked of it beside AWS, over HTTP on loopback.

They belong to the sandbox alone: an endpoint is asked who it is before anything is sent to it.
"""

import http.client
import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from release.errors import Misconfigured, Unavailable

DOOR = "/_sandbox/"
RULES, FIRED, CALLS, FORGE, SOURCES = "faults", "fired", "calls", "forge", "sources"
WELCOME = "release sandbox"  # the key under which a sandbox says its version
_ENDPOINT = re.compile(r"http://127\.0\.0\.1:([0-9]{1,5})/?")
_ANSWER_SECONDS = 30  # a full log of calls is 30 MB
_START = "`release sandbox up` starts one and prints what to export"


class Doors:
    """The doors of the sandbox at `endpoint`, "http://127.0.0.1:PORT".

    Every method raises Unavailable when nothing answers there, and Misconfigured for what the sandbox
    refuses: a rule that cannot work, with what is wrong in it.
    """

    def __init__(self, endpoint: str, *, log: str | None = None) -> None:
        self._endpoint = endpoint
        self._log = log  # where the server says what went wrong

    @classmethod
    def of_endpoint(cls, endpoint: str | None) -> "Doors":
        """The doors of an endpoint that somebody named. None: nobody did.

        Raises Misconfigured unless it is a sandbox on this machine: nothing is sent to any other host.
        """
        if not endpoint:
            raise Misconfigured(
                "there is no sandbox here: AWS_ENDPOINT_URL is not set", fix=f"{_START}; or give --endpoint"
            )
        found = _ENDPOINT.fullmatch(endpoint)
        if found is None or not 0 < int(found[1]) < 65536:
            raise Misconfigured(
                f"{endpoint} is no sandbox: a sandbox is at http://127.0.0.1:PORT",
                fix=f"nothing was sent there. {_START}; or give --endpoint",
            )
        doors = cls(endpoint.rstrip("/"))
        doors._require_sandbox()
        return doors

    def set_faults(self, rules: Iterable[Mapping[str, Any]]) -> list[int]:
        """Puts these rules in the place of all before; their ids."""
        ids: list[int] = self._ask("PUT", RULES, [dict(rule) for rule in rules])
        return ids

    def add_fault(self, rule: Mapping[str, Any]) -> int:
        """Adds a rule behind those in force; its id."""
        return int(self._ask("POST", RULES, dict(rule)))

    def remove_fault(self, fault_id: int) -> None:
        """Takes a rule out; calls that it holds go on."""
        status, _ = self._exchange("DELETE", f"{RULES}/{fault_id}")
        if status == HTTPStatus.NOT_FOUND:
            raise Misconfigured(f"there is no fault {fault_id}", fix="`release sandbox fault list` shows all")

    def faults(self) -> list[dict[str, Any]]:
        """The rules in force, oldest first: `id`, `rule`, how many calls it `met`, how often it `fired`."""
        faults: list[dict[str, Any]] = self._ask("GET", RULES)
        return faults

    def fired(self) -> list[dict[str, Any]]:
        fired: list[dict[str, Any]] = self._ask("GET", FIRED)
        return fired

    def calls(self, *, after: int = 0) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self._ask("GET", f"{CALLS}?after={after}")
        return calls

    def forget_calls(self, *, until: int | None = None) -> None:
        """All calls, or those up to this number."""
        self._ask("DELETE", CALLS if until is None else f"{CALLS}?until={until}")

    def forge(self, method: str, /, **arguments: Any) -> Any:
        """What a method of the forge's `Setup` answers."""
        return self._ask("POST", f"{FORGE}/{method}", arguments)

    def set_sources(self, sources: Mapping[str, Mapping[str, Any]]) -> None:
        """Which functions run from folders: "account/region/name" -> fields of `sources.Source`."""
        self._ask("PUT", SOURCES, {name: dict(source) for name, source in sources.items()})

    def _require_sandbox(self) -> None:
        try:
            _, answer = self._exchange("GET", "")
        except (ValueError, http.client.HTTPException):
            answer = None
        if not isinstance(answer, dict) or WELCOME not in answer:
            raise Misconfigured(
                f"what answers at {self._endpoint} is no sandbox of `release`",
                fix=f"{_START}; or give --endpoint",
            )

    def _ask(self, method: str, door: str, body: Any = None) -> Any:
        status, answer = self._exchange(method, door, body)
        if status != HTTPStatus.OK:
            raise Misconfigured(
                answer["cause"], fix=answer.get("fix", "use the sandbox of this very version")
            )
        return answer

    def _exchange(self, method: str, door: str, body: Any = None) -> tuple[int, Any]:
        address = self._endpoint.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=_ANSWER_SECONDS)
        try:
            connection.request(method, DOOR + door, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return response.status, json.load(response)
        except (OSError, http.client.IncompleteRead) as error:
            raise Unavailable(
                f"the sandbox at {self._endpoint} does not answer", fix="start it again", see=self._log
            ) from error
        finally:
            connection.close()
