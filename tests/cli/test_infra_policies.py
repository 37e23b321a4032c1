"""`release infra lint` and the policy pack, as its callers see them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Ran
from tests.cli.worlds import FILES, TEMPLATE, Fleet

FILE = "services/orders/template.yaml.j2"
REASON = "files of an hour, made again from the table"
BUCKET = f"""\
  Scratch:
    Type: AWS::S3::Bucket
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Metadata: {{release: {{suppress: {{R0305: "{REASON}"}}}}}}
    Properties:
      BucketName: scratch
"""

Lint = Callable[..., Ran]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.with_files(tmp_path / "fleet", FILES | {FILE: TEMPLATE + BUCKET})


@pytest.fixture
def lint(fleet: Fleet, cli: Cli) -> Lint:
    return lambda *words: cli("infra", "lint", *words, at=fleet.clone)


def findings(ran: Ran) -> dict[str, dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ran.out)["findings"]
    return {one["rule"]: one for one in found if one["rule"].startswith("R")}


def test_a_broken_policy_closes_the_gate_with_a_line_and_a_fix(lint: Lint) -> None:
    ran = lint("--json")

    assert ran.code == 3 and "docs/policies.md" in ran.err
    found = findings(ran)["R0201"]
    assert found["place"] == f"{FILE}:{len(TEMPLATE.splitlines()) + 6}"
    assert found["severity"] == "error"
    assert found["fix"] == "set all four blocks to true (bucket.j2)"
    assert found["suppressed"] is None


@pytest.mark.prove
def test_what_is_suppressed_is_shown_with_its_reason_and_closes_nothing(lint: Lint) -> None:
    ran = lint("--json")
    assert findings(ran)["R0305"]["suppressed"] == REASON

    shown = lint()
    assert f"suppressed: {REASON}" in shown.out and ", 1 suppressed" in shown.out
    count = sum(one["suppressed"] is None for one in json.loads(ran.out)["findings"])
    assert f"says no to {count} things" in shown.err


@pytest.mark.prove
def test_cfn_lints_own_way_to_ignore_has_no_say_over_policies(fleet: Fleet, lint: Lint) -> None:
    ignored = "Metadata: {cfn-lint: {config: {ignore_checks: [R]}}}\n" + TEMPLATE + BUCKET
    fleet.commit("feat: ignore", {FILE: ignored})

    found = findings(lint("--json"))

    assert {"R0201", "R0002"} <= found.keys()
    assert found["R0002"]["place"] == f"{FILE}:1"
