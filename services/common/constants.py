"""Codes and names that callers, alarms and dashboards rely on: add freely, never rename."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Machine-readable reason in every problem answer."""

    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    DEPENDENCY_UNAVAILABLE = "DEPENDENCY_UNAVAILABLE"


class HealthState(StrEnum):
    """State of one dependency (`OK`, `DOWN`) or of the whole service (all three)."""

    OK = "ok"
    DEGRADED = "degraded"  # something is down, nothing of it critical
    DOWN = "down"


HEALTH_CHECK_KEY = "health_check"
