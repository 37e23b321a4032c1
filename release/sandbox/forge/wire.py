"""A question to the forge, its answer, and a refusal: what the modules of each subject deal in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from release.sandbox.forge.state import Level, Repository

PREFIX = "/_forge"  # of every path; no bucket of S3 can have this name
DOCUMENTATION = "https://docs.github.com/rest"
JSON = "application/json; charset=utf-8"


class Refused(Exception):
    """The forge says no. `errors` as GitHub gives them with a 422: resource, code, field, message."""

    def __init__(self, status: int, message: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)


def not_found() -> Refused:
    return Refused(404, "Not Found")


def invalid(resource: str, field: str, code: str = "invalid", message: str | None = None) -> Refused:
    """A 422 for one field: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api"""
    error = {"resource": resource, "code": code, "field": field}
    return Refused(422, "Validation Failed", [error | ({"message": message} if message else {})])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `login` None: the token of a job, which is no person."""

    login: str | None
    permissions: Mapping[str, Level]  # of a job; people have the role that the repository gives them
    repository: str | None = None  # the only one that a job may ask for anything

    @property
    def name(self) -> str:
        return self.login or "github-actions[bot]"


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses of the forge: `site` for people, "…/api/v3" for programs, uploads beside it, as a GHES has
    them.
    """

    site: str

    @property
    def api(self) -> str:
        return f"{self.site}/api/v3"

    @property
    def uploads(self) -> str:
        return f"{self.site}/api/uploads"


@dataclass(frozen=True, slots=True)
class Question:
    """A request that fits the description. `parameters` are of the path, `body` is a document or bytes."""

    operation: str
    path: str  # below the API, quoted
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]  # by names in lower case
    body: Any
    caller: Caller
    place: Place

    def number(self, name: str) -> int:
        return int(self.parameters[name])


@dataclass(frozen=True, slots=True)
class Answer:
    """`document` is sent as JSON, `content` as it is; with neither there is no body."""

    status: int
    document: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.content is not None:
            return self.content
        return b"" if self.document is None else json.dumps(self.document).encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a repository that is there."""

    question: Question
    repository: Repository

    @property
    def body(self) -> Any:
        return self.question.body

    @property
    def query(self) -> Mapping[str, str]:
        return self.question.query

    @property
    def caller(self) -> Caller:
        return self.question.caller

    @property
    def api(self) -> str:
        """Address of the repository for programs."""
        return f"{self.question.place.api}/repos/{self.repository.name}"

    @property
    def html(self) -> str:
        """Address of the repository for people."""
        return f"{self.question.place.site}/{self.repository.name}"

    def name(self, parameter: str) -> str:
        return self.question.parameters[parameter]

    def number(self, parameter: str) -> int:
        return self.question.number(parameter)


def refusal(refused: Refused) -> Answer:
    document: dict[str, Any] = {"message": refused.message, "documentation_url": DOCUMENTATION}
    if refused.errors:
        document["errors"] = [dict(error) for error in refused.errors]
    document["status"] = str(refused.status)
    return Answer(refused.status, document)


def paged(question: Question, items: Sequence[Any]) -> tuple[list[Any], dict[str, str]]:
    """The page that was asked for, and the header Link where there are more.

    30 a page, 100 at most: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    size = min(max(int(question.query.get("per_page", 30)), 1), 100)
    page = max(int(question.query.get("page", 1)), 1)
    last = max(-(-len(items) // size), 1)
    links = ", ".join(_links(question, page, last))
    return list(items[(page - 1) * size : page * size]), {"Link": links} if links else {}


def _links(question: Question, page: int, last: int) -> Iterator[str]:
    wanted = []
    if page > 1:
        wanted += [("prev", min(page - 1, last)), ("first", 1)]
    if page < last:
        wanted += [("next", page + 1), ("last", last)]
    for relation, number in wanted:
        query = urlencode({**question.query, "page": number})
        yield f'<{question.place.api}{question.path}?{query}>; rel="{relation}"'
