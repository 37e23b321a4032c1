"""What `release local` needs of the sandbox's AWS, in the one account and region that it uses."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from release.core.snapshot import Invocation
from release.ports import Functions, Stacks


class Cloud(Protocol):
    """Implemented by adapters/local_cloud.py. Methods raise Misconfigured and Unavailable."""

    @property
    def stacks(self) -> Stacks: ...

    @property
    def functions(self) -> Functions: ...

    def resources(self, stack: str) -> Mapping[str, tuple[str, str]]:
        """Logical id -> type and physical id."""

    def routes(self, api: str) -> tuple[str, ...]:
        """Routes of an HTTP API, sorted: "GET /price"."""

    def tables(self) -> frozenset[str]: ...

    def put_items(self, table: str, items: Iterable[Mapping[str, Any]]) -> None:
        """Items in DynamoDB's words; what has the same key is replaced."""

    def configuration(self, function: str, qualifier: str) -> Mapping[str, Any]:
        """As Lambda shows it."""

    def invoke(self, function: str, qualifier: str, payload: bytes) -> Invocation: ...
