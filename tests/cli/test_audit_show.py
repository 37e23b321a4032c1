"""`release audit show`: what a tag states, what the ledger has of it, and what is wrong between the two."""

import json

import pytest

from tests.cli.conftest import Cli
from tests.cli.worlds import Fleet


@pytest.mark.parametrize("tag", ["v1.0.0-qa.3", "payments/v1.0.0-qa.1"])
def test_a_tag_that_the_ledger_knows_and_the_remote_lost_is_told_of(fleet: Fleet, cli: Cli, tag: str) -> None:
    commit = fleet.git("rev-parse", "HEAD")
    fleet.tag(tag)
    fleet.ran("qa", commit, 5, tag)
    assert json.loads(cli("audit", "show", tag, "--json", at=fleet.clone).out)["problem"] is None

    fleet.push(f":refs/tags/{tag}")

    shown = json.loads(cli("audit", "show", tag, "--json", at=fleet.clone).out)
    assert shown["problem"] == "the tag is not on the remote any more"
    assert shown["commit"] is None and len(shown["events"]) == 2
    assert "warning: the tag is not on the remote any more" in cli("audit", "show", tag, at=fleet.clone).out


def test_a_commit_that_was_deployed_is_no_lost_tag(fleet: Fleet, cli: Cli) -> None:
    shown = json.loads(cli("audit", "show", fleet.git("rev-parse", "HEAD"), "--json", at=fleet.clone).out)

    assert shown["problem"] is None and shown["events"]
