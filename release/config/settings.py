"""`settings:` of a service: what each stage runs with, merged onto the defaults. Limits are AWS Lambda's own.

Memory, time-out: API reference, CreateFunction. Environment: docs, "Using Lambda environment variables" (4 KB
in all, reserved names). Log retention: CloudWatch Logs API reference, PutRetentionPolicy.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from release.config import reader, values
from release.config.problems import one_of, shown
from release.config.reader import Fields, Value
from release.core.models import ALARMS, CAPACITY, Settings

DEFAULT: Final = "default"
MEMORY_MB: Final = (128, 10_240)
TIMEOUT_SECONDS: Final = (1, 900)
ENVIRONMENT_BYTES: Final = 4096
RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_RESERVED_PREFIXES: Final = ("AWS_", "LAMBDA_")
# Documented as unreserved: to set them is how tracing and wrappers are configured.
_UNRESERVED: Final = frozenset(
    {"AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "AWS_LAMBDA_EXEC_WRAPPER"}
)
_KEYS: Final = (
    *("memory", "timeout", "log_retention_days", "environment", "secrets", "tracing", "vpc"),
    *("billing", "capacity", "alarms"),
)
_BILLING: Final = ("on-demand", "provisioned")
_UNITS: Final = (1, 40_000)  # of a table's capacity: DynamoDB's default quota in every region
_COUNT: Final = (1, 1_000_000)
_PERCENT: Final = (1, 100)
_LONGEST_PERIOD: Final = timedelta(days=1)  # of an alarm: CloudWatch PutMetricAlarm, Period
_CANNOT_BE_UNSET: Final = frozenset({"memory", "timeout", "log_retention_days"})
_VARIABLES: Final = frozenset({"environment", "secrets"})
_BUILT_IN: Final[Mapping[str, Mapping[str, int]]] = {"alarms": ALARMS, "capacity": CAPACITY}
_MERGED_BY_KEY: Final = ("environment", "secrets", "alarms", "capacity")


def read(value: Value | None, stages: Collection[str]) -> Mapping[str, Settings]:
    """`default` and every stage that is named, each complete.

    A stage's null takes back what the defaults say about an optional setting.
    """
    entries = reader.table(value) or {}
    default = _layer(entries[DEFAULT], is_default=True) if DEFAULT in entries else {}
    settings = {DEFAULT: _merged({}, default)}
    _check_variables(settings[DEFAULT], entries.get(DEFAULT))
    for name, entry in entries.items():
        if name == DEFAULT:
            continue
        if name not in stages:
            entry.wrong(f"there is no stage {shown(name)}", one_of(name, (DEFAULT, *sorted(stages))))
        layer = _layer(entry, is_default=False)
        settings[name] = _merged(default, layer)
        if not _VARIABLES.isdisjoint(layer):
            _check_variables(settings[name], entry)
    return settings


def _layer(value: Value, *, is_default: bool) -> dict[str, Any]:
    """What one layer says. None is an explicit null."""
    known = reader.fields(value, (), _KEYS)
    layer: dict[str, Any] = {}
    for key, entry in known.items():
        if entry.is_null and key in _KEYS:
            if is_default:
                entry.wrong(
                    "has no value, and there is nothing to take back in the defaults", "take the line out"
                )
            elif key in _CANNOT_BE_UNSET:
                entry.wrong(
                    "has no value, and every function needs one", "write a number, or take the line out"
                )
            layer[key] = None
    if "memory" in known and "memory" not in layer:
        layer["memory"] = reader.integer(known["memory"], *MEMORY_MB, "MB")
    if "timeout" in known and "timeout" not in layer:
        layer["timeout"] = reader.integer(known["timeout"], *TIMEOUT_SECONDS, "seconds")
    if "log_retention_days" in known and "log_retention_days" not in layer:
        layer["log_retention_days"] = _retention(known["log_retention_days"])
    if "environment" in known and "environment" not in layer:
        layer["environment"] = _variables(known["environment"], None, is_default=is_default)
    if "secrets" in known and "secrets" not in layer:
        layer["secrets"] = _variables(known["secrets"], values.ARN, is_default=is_default)
    if "tracing" in known and "tracing" not in layer:
        layer["tracing"] = None if reader.share(known["tracing"]) is None else reader.text(known["tracing"])
    if "vpc" in known and "vpc" not in layer:
        layer["vpc"] = reader.boolean(known["vpc"])
    if "billing" in known and "billing" not in layer:
        layer["billing"] = reader.choice(known["billing"], _BILLING, "a way to pay for tables")
    if "capacity" in known and "capacity" not in layer:
        units = reader.fields(known["capacity"], (), tuple(CAPACITY))
        layer["capacity"] = {key: reader.integer(entry, *_UNITS, "units") for key, entry in units.items()}
    if "alarms" in known and "alarms" not in layer:
        layer["alarms"] = _alarms(known["alarms"])
    return layer


def _alarms(value: Value) -> dict[str, int | None]:
    known = reader.fields(value, (), tuple(ALARMS))
    percent, period = known.get("duration_percent"), known.get("period")
    found: dict[str, int | None] = {
        key: reader.integer(known[key], *_COUNT) for key in ("errors", "throttles") if key in known
    }
    if percent is not None:
        found["duration_percent"] = reader.integer(percent, *_PERCENT, "% of the time-out")
    if period is not None and (length := reader.duration(period, longest=_LONGEST_PERIOD)) is not None:
        found["period"] = seconds = int(length.total_seconds())
        if seconds % 60:
            period.wrong("an alarm cannot look at parts of a minute", "write whole minutes, as in 5m")
    return found


def _retention(value: Value) -> int | None:
    days = reader.integer(value, 1, 3653, "days")
    if days is not None and days not in RETENTION_DAYS:
        nearest = min(RETENTION_DAYS, key=lambda allowed: abs(allowed - days))
        allowed = ", ".join(map(str, RETENTION_DAYS))
        value.wrong(
            f"CloudWatch cannot keep logs for {days} days", f"did you mean {nearest}? (one of: {allowed})"
        )
        return None
    return days


def _variables(value: Value, grammar: values.Grammar | None, *, is_default: bool) -> dict[str, str | None]:
    variables: dict[str, str | None] = {}
    for name, entry in (reader.table(value) or {}).items():
        if values.VARIABLE.pattern.fullmatch(name) is None:
            entry.wrong(f"{shown(name)} {values.VARIABLE.what}", values.VARIABLE.fix)
        elif name.startswith(_RESERVED_PREFIXES) and name not in _UNRESERVED:
            entry.wrong(
                f"the name {shown(name)} is reserved by AWS Lambda", "choose one without AWS_ or LAMBDA_"
            )
        if entry.is_null and not is_default:
            variables[name] = None
        elif (content := reader.text(entry, grammar)) is not None:
            variables[name] = content
    return variables


def _merged(default: Mapping[str, Any], layer: Mapping[str, Any]) -> Settings:
    merged = {**default, **layer}
    for key in _MERGED_BY_KEY:
        if layer.get(key) and default.get(key):
            merged[key] = {**default[key], **layer[key]}
        said = {name: content for name, content in (merged.get(key) or {}).items() if content is not None}
        merged[key] = {**_BUILT_IN.get(key, {}), **said}
    return Settings(**{key: content for key, content in merged.items() if content is not None})


def _check_variables(settings: Settings, place: Value | None) -> None:
    if place is None:
        return
    twice = settings.environment.keys() & settings.secrets.keys()
    size = sum(
        len(name.encode()) + len(content.encode())
        for variables in (settings.environment, settings.secrets)
        for name, content in variables.items()
    )
    if not twice and size <= ENVIRONMENT_BYTES:
        return
    said: Fields = reader.table(place) or {}
    where = said.get("environment") or said.get("secrets") or place
    for name in twice:
        where.wrong(f"{shown(name)} is in environment and in secrets", "keep it in one of the two")
    if size > ENVIRONMENT_BYTES:
        what = f"names, values and ARNs of secrets have {size:,} bytes; Lambda takes {ENVIRONMENT_BYTES:,}"
        where.wrong(what, "move large values to a parameter or an object that the function reads")
