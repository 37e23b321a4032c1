"""The environment variables that every service has, read once and checked whole."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from common.errors import ConfigurationError

LOG_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service knows about itself. Without its `critical` dependencies it counts as down."""

    service: str
    stage: str
    log_level: str
    critical: frozenset[str]


def read_settings(environment: Mapping[str, str], dependencies: Collection[str]) -> Settings:
    """Read SERVICE_NAME, STAGE, LOG_LEVEL and HEALTH_CRITICAL (comma-separated names out of `dependencies`).

    Raises ConfigurationError naming everything that is wrong. A critical dependency that does not exist is
    refused: a typing error there would silently mean "never critical".
    """
    wrong = [f"{name} is not set" for name in ("SERVICE_NAME", "STAGE") if not environment.get(name)]
    level = environment.get("LOG_LEVEL", "INFO").upper()
    if level not in LOG_LEVELS:
        wrong.append(f"LOG_LEVEL must be one of {', '.join(sorted(LOG_LEVELS))}")
    critical = frozenset(
        name.strip() for name in environment.get("HEALTH_CRITICAL", "").split(",") if name.strip()
    )
    if unknown := critical.difference(dependencies):
        known = ", ".join(sorted(dependencies))
        wrong.append(f"HEALTH_CRITICAL names {', '.join(sorted(unknown))}; this service has {known}")
    if wrong:
        raise ConfigurationError("; ".join(wrong))
    return Settings(environment["SERVICE_NAME"], environment["STAGE"], level, critical)


def required(environment: Mapping[str, str], name: str) -> str:
    """The value of a variable; raises ConfigurationError when it is missing or empty."""
    if not (value := environment.get(name, "")):
        raise ConfigurationError(f"{name} is not set")
    return value
