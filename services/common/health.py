"""The answer to `{"health_check": true}`, which the smoke test of every release reads."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from common.constants import HEALTH_CHECK_KEY, HealthState
from common.errors import DependencyUnavailable
from common.settings import Settings

Probe = Callable[[], None]  # returns when the dependency is well, raises DependencyUnavailable when it is not


def is_health_check(event: object) -> bool:
    """Only the exact value counts: API Gateway cannot produce such an event, so no outsider can ask."""
    return isinstance(event, dict) and event.get(HEALTH_CHECK_KEY) is True


def health_answer(settings: Settings, probes: Mapping[str, Probe], lambda_version: str) -> dict[str, Any]:
    """Probe every dependency and answer `{"statusCode": 200 | 503, "body": {...}}`.

    The body has `service`, `stage`, `lambda_version`, `status` (ok, degraded, down) and for each dependency
    `status`, `critical`, `duration_ms`, and `cause` when it is down. It is an object, not JSON in a string:
    the answer goes to whoever invokes the function, never through API Gateway. 503 only when a critical
    dependency is down.
    """
    dependencies = {name: _state(probes[name], name in settings.critical) for name in sorted(probes)}
    down = {name for name, state in dependencies.items() if state["status"] == HealthState.DOWN}
    if down & settings.critical:
        status = HealthState.DOWN
    else:
        status = HealthState.DEGRADED if down else HealthState.OK
    body = {
        "status": str(status),
        "service": settings.service,
        "stage": settings.stage,
        "lambda_version": lambda_version,
        "dependencies": dependencies,
    }
    return {"statusCode": 503 if status is HealthState.DOWN else 200, "body": body}


def _state(probe: Probe, critical: bool) -> dict[str, Any]:
    began = time.perf_counter()
    cause = None
    try:
        probe()
    except DependencyUnavailable as error:
        cause = error.cause
    state: dict[str, Any] = {
        "status": str(HealthState.DOWN if cause else HealthState.OK),
        "critical": critical,
        "duration_ms": round((time.perf_counter() - began) * 1000, 1),
    }
    return state | {"cause": cause} if cause else state
