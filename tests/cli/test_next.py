"""`release next`: what it answers in every kind of clone, and that it touches none."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.worlds import FILES, Fleet, git

NEXT = ("next", "qa", "--ref", "HEAD", "--bump", "minor", "--json")
PIPELINES = {name: text for name, text in FILES.items() if name.startswith("pipelines/")}


def answered(cli: Cli, folder: Path, *words: str) -> dict[str, Any]:
    ran = cli(*(words or NEXT), at=folder)
    assert ran.code == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    assert {"tag", "commit", "warnings", "blockers"} <= answer.keys()
    return answer


def state(folder: Path) -> tuple[str, dict[str, tuple[int, int]]]:
    """Every ref, and size and time of every file of a clone or a bare repository but its objects."""
    files = [path for path in folder.rglob("*") if path.is_file() and "objects" not in path.parts]
    facts = {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
    return git(folder, "for-each-ref"), facts


@pytest.fixture
def first(tmp_path: Path) -> Fleet:
    """A repository that has just got its pipelines: no tag, no ledger."""
    return Fleet.with_files(tmp_path / "first")


# -- the answer ------------------------------------------------------------------------------------------


def test_the_first_release_is_named_with_its_commit(first: Fleet, cli: Cli) -> None:
    answer = answered(cli, first.clone)

    assert (answer["tag"], answer["commit"]) == ("v1.0.0-qa.1", first.git("rev-parse", "HEAD"))
    assert answer["warnings"] == []


def test_it_is_said_what_stands_in_the_way_and_that_is_no_failure(first: Fleet, cli: Cli) -> None:
    answer = answered(cli, first.clone)

    assert [blocker["code"] for blocker in answer["blockers"]]  # dev has not run it
    assert all(blocker["message"] and blocker["fix"] for blocker in answer["blockers"])


@pytest.mark.parametrize(
    ("bump", "tag"),
    [
        ("patch", "v1.0.1-qa.1"),
        ("minor", "v1.1.0-qa.1"),
        ("major", "v2.0.0-qa.1"),
        ("auto", "v1.1.0-qa.1"),  # by the commit below, which is a feat
    ],
)
def test_every_bump_moves_the_highest_gold(bump: str, tag: str, first: Fleet, cli: Cli) -> None:
    first.tag("v0.9.0")
    first.tag("v1.0.0")
    first.commit("feat: something new")
    first.push()

    assert answered(cli, first.clone, "next", "qa", "--ref", "HEAD", "--bump", bump, "--json")["tag"] == tag


def test_foreign_tags_count_for_nothing(first: Fleet, cli: Cli) -> None:
    foreign = ("v9.0", "v09.0.0", "9.0.0", "v9.0.0-beta.1", "payments/v9.0.0", "v9.0.0-qa.01", "release")
    for name in foreign:
        first.tag(name)
    first.git("tag", "v8.0.0")  # only here: the remote is the truth

    assert answered(cli, first.clone)["tag"] == "v1.0.0-qa.1"


def test_the_other_channels_follow_what_the_stage_before_runs(fleet: Fleet, cli: Cli) -> None:
    answer = answered(cli, fleet.clone, "next", "uat", "--json")

    assert (answer["tag"], answer["commit"]) == ("v1.0.0-rc.1", fleet.git("rev-parse", "HEAD"))
    assert answer["blockers"] == []


def test_without_services_it_is_calculated_all_the_same(tmp_path: Path, cli: Cli) -> None:
    bare = Fleet.with_files(tmp_path / "bare", PIPELINES)

    assert answered(cli, bare.clone)["tag"] == "v1.0.0-qa.1"


def test_pipelines_that_are_not_on_the_remote_yet_serve_with_a_warning(tmp_path: Path, cli: Cli) -> None:
    young = Fleet.with_files(tmp_path / "young", {"README.md": "Soon."})
    young.write(dict(PIPELINES))

    answer = answered(cli, young.clone)

    assert answer["tag"] == "v1.0.0-qa.1"
    assert answer["warnings"] == ["pipelines/ is not on main of the remote; those of the work tree are used"]


def test_a_gate_is_read_from_the_remote_and_not_from_the_work_tree(fleet: Fleet, cli: Cli) -> None:
    weakened = FILES["pipelines/fleet.yaml"].replace("after: qa", "after: dev")
    fleet.write({"pipelines/fleet.yaml": weakened})

    answer = answered(cli, fleet.clone, "next", "uat", "--json")

    assert answer["tag"] == "v1.0.0-rc.1" and answer["warnings"] == []


def test_several_pipelines_ask_for_one_of_them(fleet: Fleet, cli: Cli) -> None:
    payments = FILES["pipelines/fleet.yaml"].replace('"v{version}"', '"payments/v{version}"')
    fleet.commit(
        "feat: payments",
        {
            "pipelines/payments.yaml": payments.replace('["*"]', '["pay-*"]'),
            "pipelines/fleet.yaml": FILES["pipelines/fleet.yaml"].replace('["*"]', '["orders"]'),
        },
    )
    fleet.push()
    fleet.tag("payments/v3.0.0")

    without = cli(*NEXT, at=fleet.clone)
    assert without.code == 2
    assert without.lines("fix:") == ["add --pipeline with one of: fleet, payments"]
    assert answered(cli, fleet.clone, *NEXT, "--pipeline", "payments")["tag"] == "payments/v3.1.0-qa.1"
    assert answered(cli, fleet.clone, *NEXT, "--pipeline", "fleet")["tag"] == "v1.0.0-qa.3"


def test_for_a_person_it_is_one_line_and_what_stands_in_the_way(
    first: Fleet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    ran = cli("next", "qa", "--ref", "HEAD", at=first.clone)

    assert ran.out.startswith("v1.0.0-qa.1  commit ")
    assert "blocked: " in ran.out and "fix: " in ran.out
    assert [line for line in ran.out.splitlines() if len(line) > 80] == []


# -- where it works --------------------------------------------------------------------------------------


def test_on_a_detached_head(fleet: Fleet, cli: Cli) -> None:
    fleet.git("checkout", "--quiet", "--detach", "HEAD~1")

    assert answered(cli, fleet.clone)["commit"] == fleet.git("rev-parse", "HEAD")


def test_in_a_linked_worktree(fleet: Fleet, cli: Cli) -> None:
    linked = fleet.folder / "linked"
    fleet.git("worktree", "add", "--quiet", "--detach", str(linked), "HEAD~1")

    assert answered(cli, linked)["commit"] == fleet.git("rev-parse", "HEAD~1")


def test_from_a_folder_inside(fleet: Fleet, cli: Cli) -> None:
    assert answered(cli, fleet.clone / "services" / "orders")["tag"] == "v1.0.0-qa.3"


@pytest.mark.parametrize(
    "how", [("--depth=1",), ("--depth=1", "--no-tags"), ("--filter=blob:none",), ("--bare",)]
)
def test_in_a_clone_that_lacks_something(how: tuple[str, ...], fleet: Fleet, cli: Cli) -> None:
    """What is missing is fetched, never guessed around: the gold is behind the shallow boundary."""
    git(fleet.remote, "config", "uploadpack.allowFilter", "true")
    fleet.tag("v1.0.0", "HEAD~2")
    fleet.tag("v2.0.0", fleet.git("commit-tree", "HEAD^{tree}", "-m", "elsewhere"))
    partial = fleet.folder / "partial"
    git(fleet.folder, "clone", "--quiet", *how, fleet.url, str(partial))

    assert answered(cli, partial)["tag"] == "v1.1.0-qa.1"


def test_with_a_remote_whose_head_is_not_born(fleet: Fleet, cli: Cli) -> None:
    git(fleet.remote, "symbolic-ref", "HEAD", "refs/heads/trunk")

    assert answered(cli, fleet.clone)["tag"] == "v1.0.0-qa.3"


def test_with_a_remote_that_is_empty(tmp_path: Path, cli: Cli) -> None:
    """The very first answer that somebody gets, before their first push."""
    fleet = Fleet(tmp_path)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(fleet.remote))
    git(tmp_path, "clone", "--quiet", fleet.url, str(fleet.clone))
    fleet.commit("feat: everything", FILES)

    answer = answered(cli, fleet.clone)

    assert answer["tag"] == "v1.0.0-qa.1"
    assert "the remote, which has no branch yet" in answer["warnings"][0]


def test_without_a_remote_in_reach_only_offline_answers(fleet: Fleet, cli: Cli) -> None:
    fleet.git("config", "remote.origin.url", str(fleet.folder / "gone.git"))

    assert cli(*NEXT, at=fleet.clone).code == 4
    answer = answered(cli, fleet.clone, *NEXT, "--offline")
    assert answer["tag"] == "v1.0.0-qa.3"  # by the tags that this clone knows
    assert answer["warnings"][0].startswith("offline: ")


def test_offline_needs_no_remote_at_all(fleet: Fleet, cli: Cli) -> None:
    fleet.git("remote", "remove", "origin")

    assert answered(cli, fleet.clone, *NEXT, "--offline")["tag"] == "v1.0.0-qa.3"


# -- what it leaves alone --------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [NEXT, (*NEXT, "--offline"), ("next", "uat", "--json")], ids=" ".join)
def test_nothing_is_touched(words: tuple[str, ...], fleet: Fleet, cli: Cli) -> None:
    fleet.write({"services/orders/orders/handler.py": "half-way\n", "new.txt": "unknown to git\n"})
    fleet.git("add", "new.txt")
    before = state(fleet.clone), state(fleet.remote), fleet.git("count-objects", "-v")

    answered(cli, fleet.clone, *words)

    assert (state(fleet.clone), state(fleet.remote), fleet.git("count-objects", "-v")) == before


def test_a_clone_that_is_behind_gets_objects_and_no_ref(fleet: Fleet, cli: Cli) -> None:
    """The pipelines of the remote's tip have to be read, so their objects come; nothing points to them."""
    behind = fleet.folder / "behind"
    git(fleet.folder, "clone", "--quiet", fleet.url, str(behind))
    fleet.commit("feat: newer")
    fleet.push()
    fleet.tag("v1.0.0")
    before = state(behind), state(fleet.remote)

    answer = answered(cli, behind)

    assert (state(behind), state(fleet.remote)) == before
    assert not (behind / ".git" / "FETCH_HEAD").exists()
    assert answer["commit"] == git(behind, "rev-parse", "HEAD")


def test_no_credentials_and_no_aws_are_asked(fleet: Fleet, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")

    assert answered(cli, fleet.clone)["tag"] == "v1.0.0-qa.3"
