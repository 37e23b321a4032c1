"""Codes and names that callers, alarms and dashboards rely on: add freely, never rename."""

from enum import StrEnum
from typing import Final


class ErrorCode(StrEnum):
    """Machine-readable reason in every problem answer."""

    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    DEPENDENCY_UNAVAILABLE = "DEPENDENCY_UNAVAILABLE"


class MetricName(StrEnum):
    """Metrics that the services emit, all counts. Failures are what alarms watch (service_alarms.j2)."""

    DEPENDENCY_UNAVAILABLE = "DependencyUnavailable"  # with the dimension `dependency`
    MALFORMED_REQUESTS = "MalformedRequests"
    PRICES_FETCHED = "PricesFetched"


class HealthState(StrEnum):
    """State of one dependency (`OK`, `DOWN`) or of the whole service (all three)."""

    OK = "ok"
    DEGRADED = "degraded"  # something is down, nothing of it critical
    DOWN = "down"


HEALTH_CHECK_KEY: Final = "health_check"
METRIC_NAMESPACE: Final = "Services"
DATABASE_LOGIN: Final = "database_login"  # the dependency that has failed when a database refuses who asks
