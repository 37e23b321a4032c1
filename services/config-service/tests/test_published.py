"""What this service publishes is what it does, and none of its SQL is built of text."""

from pathlib import Path

from common import sql_lint
from common.openapi import published

FOLDER = Path(__file__).parents[1]


def test_the_openapi_document_is_what_the_routes_say() -> None:
    """Mend it: cd services && python -m common.openapi config-service"""
    assert (FOLDER / "openapi.json").read_text("utf-8") == published("config-service")


def test_no_statement_is_built_of_text() -> None:
    assert sql_lint.findings(FOLDER) == []
