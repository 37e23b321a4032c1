"""Failures that a caller may see. Each knows its HTTP status, its code and words without personal data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from common.constants import ErrorCode

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with one field. Never carries the value that was sent."""

    field: str
    code: str
    message: str


class ServiceError(Exception):
    """A failure with a documented answer.

    `detail` goes to the caller and into the log: it must never repeat what the caller sent.
    """

    status: int = 500
    code: ErrorCode
    title: str

    def __init__(
        self,
        detail: str,
        *,
        problems: tuple[FieldProblem, ...] = (),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = problems
        self.headers = headers


class MalformedRequest(ServiceError):
    status, code, title = 400, ErrorCode.MALFORMED_REQUEST, "Malformed request"


class ValidationFailed(ServiceError):
    status, code, title = 400, ErrorCode.VALIDATION_FAILED, "Validation failed"


class NotFound(ServiceError):
    status, code, title = 404, ErrorCode.NOT_FOUND, "Not found"


class MethodNotAllowed(ServiceError):
    status, code, title = 405, ErrorCode.METHOD_NOT_ALLOWED, "Method not allowed"

    def __init__(self, *allowed: str) -> None:
        methods = ", ".join(sorted(allowed))
        super().__init__(f"Allowed: {methods}.", headers={"allow": methods})


class VersionConflict(ServiceError):
    status, code, title = 409, ErrorCode.VERSION_CONFLICT, "Version conflict"


class DependencyUnavailable(ServiceError):
    """A database or AWS did not do its part. `cause` is a class name or an error code, never a message."""

    status, code, title = 503, ErrorCode.DEPENDENCY_UNAVAILABLE, "Service unavailable"

    def __init__(self, dependency: str, cause: str) -> None:
        super().__init__(
            "A system that this answer needs cannot be reached; try again.", headers={"retry-after": "5"}
        )
        self.dependency = dependency
        self.cause = cause


class ConfigurationError(Exception):
    """The function's own environment is wrong: that has to fail the smoke test, not to be answered."""


class UnexpectedFailure(Exception):
    """What leaves the function instead of an unforeseen exception: its class and places in the code, no data.

    It is raised, not answered, so that Lambda counts it in `AWS/Lambda Errors`, which alarms and canaries
    watch. API Gateway turns it into a plain 500.
    """
