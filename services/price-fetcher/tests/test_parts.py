"""Joining the layers from environment variables."""

from collections.abc import Mapping

import pytest

from common.errors import ConfigurationError
from price_fetcher.parts import build_parts

GOOD = {"SERVICE_NAME": "price-fetcher", "STAGE": "dev", "TABLE_AUDIT": "audit"}


def test_a_function_with_its_minimum_of_variables_starts() -> None:
    parts = build_parts(GOOD)

    assert set(parts.core.probes) == {"audit_table", "database"}
    parts.core.probes["database"]()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"TABLE_AUDIT": ""}, "TABLE_AUDIT is not set"),
        ({"SERVICE_NAME": "", "STAGE": ""}, "SERVICE_NAME is not set; STAGE is not set"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL must be one of"),
        (
            {"HEALTH_CRITICAL": "audit_tabel"},
            "HEALTH_CRITICAL names audit_tabel; this service has audit_table, database",
        ),
        ({"AUDIT_RETENTION_DAYS": "six years"}, "AUDIT_RETENTION_DAYS must be a whole number"),
        (
            {"STAGE": "prod", "AUDIT_RETENTION_DAYS": "2191"},
            "AUDIT_RETENTION_DAYS must be 2192 or more in prod",
        ),
        ({"AUDIT_RETENTION_DAYS": "0"}, "AUDIT_RETENTION_DAYS must be a whole number"),
        ({"DATABASE_URL": "nosuchdb://user:secret@host"}, "DATABASE_URL is not"),
    ],
)
def test_a_wrong_variable_stops_the_start_and_is_named(change: Mapping[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        build_parts({**GOOD, **change})
    assert said in str(refused.value) and "secret" not in str(refused.value)
