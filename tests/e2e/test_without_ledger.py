"""A rollback while the remote is out of reach, and how the ledger learns of it afterwards."""

from pathlib import Path

import pytest

from tests.e2e.fleet import World
from tests.e2e.texts import REGIONS, SERVICES

PROMOTE = ("promote", "prod", "--yes")
ROLLBACK = ("rollback", "prod", "--reason", "prices are wrong", "--yes")
OLD = {(name, region): "1" for name in SERVICES for region in REGIONS}


def away(world: World) -> Path:
    return world.remote.path.rename(world.remote.path.with_suffix(".away"))


def back(world: World) -> None:
    world.remote.path.with_suffix(".away").rename(world.remote.path)


def journal_of(world: World) -> Path:
    (journal,) = world.clone.glob("release-journal-*.jsonl")
    return journal


@pytest.mark.prove
def test_a_rollback_goes_on_without_the_ledger_and_is_recorded_later(updating: World) -> None:
    updating.release(*PROMOTE)
    away(updating)
    assert "--without-ledger" in updating.release(*ROLLBACK, ends=4).err
    done = updating.release(*ROLLBACK, "--without-ledger")
    assert "the ledger is out of reach" in done.out
    assert updating.live("prod") == OLD
    journal = journal_of(updating)
    assert f"release audit import {journal}" in done.err

    back(updating)
    assert updating.remote.head("prod")["serves"]["release"]["tag"] == "v1.1.0"
    updating.release("audit", "import", str(journal), "--yes")
    head = updating.remote.head("prod")
    assert head["serves"]["release"]["tag"] == "v1.0.0"
    assert head["held"]["why"] == "rolled back: prices are wrong"
    assert "in step" in updating.release("status", "prod").out
    assert "imported before" in updating.release("audit", "import", str(journal), "--yes").out
    updating.remote.assert_no_half_state()


@pytest.mark.prove
def test_what_this_clone_has_not_heard_of_is_seen_by_the_aliases(updating: World, tmp_path: Path) -> None:
    updating.release("status", "prod")
    other = tmp_path / "other"
    updating.fleet.git(tmp_path, "clone", "--quiet", str(updating.remote.path), str(other))
    promoted = updating.fleet.start(PROMOTE, other, updating.fleet.environment).wait()
    assert promoted.code == 0, str(promoted)
    away(updating)
    done = updating.release(*ROLLBACK, "--without-ledger")
    assert "serve something newer than what is known" in done.out
    assert updating.live("prod") == OLD

    back(updating)
    refused = updating.release("audit", "import", str(journal_of(updating)), "--yes", ends=4)
    assert "prod has moved on since the journal was begun" in refused.err
    updating.release(*ROLLBACK)
    assert "in step" in updating.release("status", "prod").out


@pytest.mark.parametrize("text", ["", "{}\n", "not json\n", '{"schema": 2}\n'])
def test_a_file_that_is_no_journal_is_refused(proven_in_qa: World, text: str) -> None:
    path = proven_in_qa.clone / "x.jsonl"
    path.write_text(text, encoding="utf-8")
    assert "journal" in proven_in_qa.release("audit", "import", str(path), "--yes", ends=2).err
