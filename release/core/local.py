"""What stands on this machine: said by `release local up`, read by the commands beside it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalFunction:
    key: str  # its name within the service: "api"
    name: str  # of the AWS Lambda function


@dataclass(frozen=True, slots=True)
class LocalService:
    name: str
    functions: tuple[LocalFunction, ...]
    tables: Mapping[str, str]  # logical id -> name of the table
    queues: Mapping[str, str]  # logical id -> URL
    api: str | None  # id of its HTTP API
    routes: tuple[str, ...]  # "GET /price"
    database: str | None  # DATABASE_URL of its functions, without a password
    folders: tuple[str, ...]  # where its code and packages are, in the order in which imports look

    def function(self, key: str) -> LocalFunction | None:
        return next((one for one in self.functions if key in (one.key, one.name)), None)


@dataclass(frozen=True, slots=True)
class LocalFleet:
    """`skipped` names services that do not run here, with the reason."""

    stage: str
    account: str
    region: str
    alias: str
    services: tuple[LocalService, ...]
    skipped: Mapping[str, str]

    def service(self, name: str) -> LocalService | None:
        return next((one for one in self.services if one.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LocalFleet":
        """Raises KeyError or TypeError for what another release has written."""
        services = []
        for one in document["services"]:
            functions = tuple(LocalFunction(**function) for function in one["functions"])
            more = {"functions": functions, "routes": tuple(one["routes"]), "folders": tuple(one["folders"])}
            services.append(LocalService(**{**one, **more}))
        return cls(**{**document, "services": tuple(services)})


@dataclass(frozen=True, slots=True)
class Serving:
    """The process that keeps it, and where it listens."""

    pid: int
    endpoint: str  # of the sandbox
    url: str  # of the HTTP front
