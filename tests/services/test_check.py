"""The services of this repository pass what they ask of others."""

import json
from pathlib import Path

import pytest

from release.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.prove  # mypy reads all that the services import
def test_the_services_of_this_repository_pass_their_own_checks(capsys: pytest.CaptureFixture[str]) -> None:
    """All but the audit, which asks an index."""
    code = main(["-C", str(ROOT), "check", "--all", "--skip", "audit", "--json"])

    out, err = capsys.readouterr()
    assert code == 0, err
    services = json.loads(out)["services"]
    assert set(services) == {"common", "config-service", "price-fetcher"}
    tested = {name for name, checks in services.items() if checks["tests"]["outcome"] == "passed"}
    assert tested == {"common", "config-service", "price-fetcher"}
