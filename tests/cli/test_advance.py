"""`release advance` over several stages, on real git and without any AWS."""

import json
import os
from typing import Any

import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.core.records import Event, Holder, Served
from tests.cli.conftest import Cli
from tests.cli.worlds import ACCOUNTS, Fleet


def begun(fleet: Fleet, stage: str, **fields: Any) -> None:
    """The stage is at work again on what it serves, by a process of which nobody has heard for long.

    `fields`: what the record says otherwise.
    """
    ledger = GitLedger(GitRepo.open(fleet.clone), SystemClock())
    state = ledger.read()
    head = state.head("fleet", stage)
    assert head.serves is not None
    event: dict[str, Any] = {
        "id": f"20261121T110000Z-fleet-{stage}-0000abcd",
        "at": "2026-11-21T11:00:00Z",
        "pipeline": "fleet",
        "stage": stage,
        "verb": head.serves.verb,
        "release": head.serves.release,
        "actor": "Test Person",
        "tool": "lambda-release 0.1.0",
        "fence": head.fence + 1,
        "holder": Holder("elsewhere/boot", 4711, "1"),
        "next_by": "2026-11-21T11:30:00Z",
        "before": (Served("orders", f"orders-{stage}", ACCOUNTS[stage], "us-east-1"),),
    }
    ledger.append(state, Event(kind="started", **(event | fields)))


def test_a_stage_that_cannot_go_on_keeps_nobody_from_looking_after_the_others(
    fleet_in_a_folder: Fleet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    for stage in ("dev", "qa"):
        begun(fleet_in_a_folder, stage)
    ran = cli("advance", at=fleet_in_a_folder.clone)
    assert ran.code == 2
    assert [line.split(":")[0] for line in ran.lines("error:")] == ["dev", "qa"]


def test_json_over_several_stages_is_one_document(
    fleet_in_a_folder: Fleet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    for stage in ("dev", "qa"):
        begun(fleet_in_a_folder, stage)
    ran = cli("advance", "--json", at=fleet_in_a_folder.clone)
    told = json.loads(ran.out)
    assert [(one["stage"], one["outcome"]) for one in told] == [("dev", "error"), ("qa", "error")]
    assert all(one["why"] and one["fix"] for one in told)


def test_json_without_anything_under_way_is_a_list_of_nothing_or_the_object_of_a_stage(
    fleet_in_a_folder: Fleet, cli: Cli
) -> None:
    assert json.loads(cli("advance", "--json", at=fleet_in_a_folder.clone).out) == []
    told = json.loads(cli("advance", "qa", "--json", at=fleet_in_a_folder.clone).out)
    assert (told["stage"], told["outcome"]) == ("qa", "nothing")
