"""`release record`: GitHub in step with the ledger, over real HTTP against the forge of the sandbox."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.sandbox.session import Sandbox
from tests import schemas
from tests.cli.conftest import Cli, Ran, _somebody
from tests.cli.record_worlds import FILES_NAMED, FORGED, REGIONS, Recorded
from tests.cli.worlds import FLEET

pytestmark = FORGED
FAILED, GOOD = "20261121T101000Z-fleet-prod-00001010", "20261121T102000Z-fleet-prod-00001020"
Record = Callable[..., Ran]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with _somebody():
        return Recorded.whole(tmp_path_factory.mktemp("recorded") / "fleet")


@pytest.fixture
def world(made: Recorded, sandbox: Sandbox, tmp_path: Path) -> Recorded:
    return made.copy(tmp_path / "fleet").at(sandbox)


@pytest.fixture
def record(cli: Cli, world: Recorded, monkeypatch: pytest.MonkeyPatch) -> Record:
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> Ran:
        return cli("record", "--yes", *words, at=world.fleet.clone)

    return run


def good(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


def test_a_gold_release_is_published_with_all_its_files_and_the_failure_before_it_is_shown(
    record: Record, world: Recorded
) -> None:
    good(record("prod"))

    assert world.deployments() == [
        (FAILED, "us-east-1", "failure"), (FAILED, "us-west-2", "failure"),
        (GOOD, "us-east-1", "success"), (GOOD, "us-west-2", "success"),
    ]  # fmt: skip
    (release,) = world.shown()["releases"]
    assert (release["tag"], release["draft"], release["prerelease"]) == ("v1.0.0", False, False)
    assert world.releases() == [("v1.0.0", False, FILES_NAMED)]
    assert "change request 4711" in release["body"] and "accepted in qa by ben" in release["body"]
    assert world.sandbox.forge.violations(world.name) == []


def test_the_files_of_a_release_are_what_the_ledger_and_the_store_hold(
    record: Record, world: Recorded, cli: Cli
) -> None:
    good(record("prod"))
    files = {
        asset["name"]: (world.sandbox.root, asset["digest"])
        for asset in world.shown()["releases"][0]["assets"]
    }
    assert set(files) == set(FILES_NAMED)
    forge = _forge(world)
    published = forge.releases.published("v1.0.0")
    assert published is not None
    held = {asset.name: forge.releases.asset(asset) for asset in published.assets}

    written = cli("audit", "file", "v1.0.0", "--stage", "prod", at=world.fleet.clone)
    assert held["audit.json"].decode() == written.out
    schemas.validator("audit-1").validate(json.loads(held["audit.json"]))
    manifest = json.loads(held["manifest.json"])
    with zipfile.ZipFile(io.BytesIO(held["sboms.zip"])) as sboms:
        assert sboms.namelist() == ["orders.cdx.json"]
        entry = manifest["services"]["orders"]
        assert sboms.read("orders.cdx.json") == world.store.get(entry["sbom"], kind="sbom")
    assert held["provenance.intoto.jsonl"] == world.store.get(entry["provenance"], kind="provenance")


def _forge(world: Recorded) -> Any:
    from release.adapters.clock import SystemClock
    from release.adapters.github import GitHubForge

    return GitHubForge.found(world.environ, None, SystemClock())


def test_every_stage_has_its_deployments_and_only_gold_a_release_and_a_second_record_writes_nothing(
    record: Record, world: Recorded
) -> None:
    good(record())

    found = {(one["environment"], one["payload"]["region"]) for one in world.shown()["deployments"]}
    assert found == {
        ("dev", "us-east-1"), ("qa", "us-east-1"), ("uat", "us-east-1"), *(("prod", one) for one in REGIONS)
    }  # fmt: skip
    assert [tag for tag, _, _ in world.releases()] == ["v1.0.0"]
    gold = [one for one in world.shown()["deployments"] if one["environment"] == "prod"]
    assert all(one["production"] for one in gold)
    assert gold[0]["statuses"][-1]["log_url"].endswith(f"/{world.name}/actions/runs/77/attempts/1")

    before = world.shown()
    again = json.loads(good(record("--json")).out)
    assert world.shown() == before
    assert again["in_step"] and [one["done"] for one in again["stages"]] == [[]] * 4


def test_channels_that_the_pipeline_names_become_pre_releases(
    tmp_path: Path, sandbox: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Recorded.begun(tmp_path / "fleet", FLEET + "releases: [rc]\n").at(sandbox)
    commit = world.merge("feat: prices")
    manifest = world.built(commit)
    world.promoted("qa", commit, manifest, "0955", tag="v1.0.0-qa.1", source="dev")
    world.promoted("uat", commit, manifest, "1005", tag="v1.0.0-rc.1", source="v1.0.0-qa.1")
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)

    good(cli("record", "--yes", at=world.fleet.clone))

    (release,) = world.shown()["releases"]
    assert (release["tag"], release["prerelease"], world.shown()["latest"]) == ("v1.0.0-rc.1", True, None)


def test_a_failed_promotion_gives_no_release(
    tmp_path: Path, sandbox: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Recorded.begun(tmp_path / "fleet").at(sandbox)
    commit = world.merge("feat: prices")
    world.to_prod(commit, world.built(commit), "1010", "v1.0.0", outcome="failed")
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)

    good(cli("record", "--yes", at=world.fleet.clone))

    assert world.releases() == []
    assert {state for _, _, state in world.deployments()} == {"failure"}


def test_what_takes_the_place_of_a_release_makes_it_inactive_and_is_the_latest(
    record: Record, world: Recorded
) -> None:
    good(record("prod"))
    commit = world.merge("fix: prices (#13)", 2)
    world.to_prod(commit, world.built(commit), "1100", "v1.0.1")

    good(record("prod"))

    states = {(id, state) for id, _, state in world.deployments()}
    assert states == {
        (FAILED, "failure"), (GOOD, "inactive"), ("20261121T110000Z-fleet-prod-00001100", "success")
    }  # fmt: skip
    shown = world.shown()
    (newest,) = [one["id"] for one in shown["releases"] if one["tag"] == "v1.0.1"]
    assert shown["latest"] == newest


def test_what_bakes_is_in_progress_until_it_has_ended(record: Record, world: Recorded) -> None:
    world.bakes()

    good(record("prod"))

    assert [state for _, _, state in world.deployments()][-2:] == ["in_progress"] * 2


def test_immutable_releases_are_published_whole(record: Record, world: Recorded) -> None:
    _forge(world)._client.write("PUT", "immutable-releases", _need(), {})

    good(record("prod"))

    (release,) = world.shown()["releases"]
    assert release["immutable"] and world.releases() == [("v1.0.0", False, FILES_NAMED)]
    assert good(record("prod", "--release", "v1.0.0")).out.strip().endswith("in step")


def _need() -> Any:
    from release.adapters.github.client import Need

    return Need("preparing a test", "administration: write")


def test_other_bytes_in_a_published_release_are_reported_and_left(record: Record, world: Recorded) -> None:
    good(record("prod"))
    forge = _forge(world)
    published = forge.releases.published("v1.0.0")
    (manifest,) = [one for one in published.assets if one.name == "manifest.json"]
    forge.releases.delete_asset(manifest.id)
    from release.core.forge.releases import WantedAsset

    forge.releases.upload(published, WantedAsset("manifest.json", "application/json", b"{}\n"))
    before = world.shown()

    ran = record("prod", "--release", "v1.0.0")

    assert ran.code == 3
    assert "manifest.json of the release v1.0.0 has sha256" in ran.lines("error:")[0]
    assert world.shown() == before


def test_a_file_that_somebody_has_deleted_comes_back(record: Record, world: Recorded) -> None:
    good(record("prod"))
    forge = _forge(world)
    published = forge.releases.published("v1.0.0")
    (audit,) = [one for one in published.assets if one.name == "audit.json"]
    forge.releases.delete_asset(audit.id)

    good(record("prod"))

    assert world.releases() == [("v1.0.0", False, FILES_NAMED)]


def test_a_draft_behind_more_than_a_hundred_releases_is_found_and_completed(
    record: Record, world: Recorded
) -> None:
    from release.core.forge.releases import WantedRelease, marker

    forge = _forge(world)
    words = f"{marker('v1.0.0')}\nleft behind"
    left = forge.releases.create_draft(WantedRelease("v1.0.0", "main", "id", words, False, False, ()))
    for number in range(101):
        forge.releases.create_draft(WantedRelease(f"x{number}", "main", "id", "a person's", False, False, ()))

    good(record("prod"))

    published = [one for one in world.shown()["releases"] if not one["draft"]]
    assert [one["id"] for one in published] == [left.id]
    assert len(world.shown()["releases"]) == 102


# -- pull requests


def pull(world: Recorded, commit: str, number: int) -> None:
    world.sandbox.forge.add_pull(world.name, "prices", [commit], number=number, merged_as=commit, user="ben")


def test_a_pull_request_says_where_its_change_is_in_one_comment(record: Record, world: Recorded) -> None:
    commit = world.fleet.git("rev-parse", "HEAD")
    pull(world, commit, 12)

    good(record("qa"))
    (before,) = world.comments(12)
    good(record())
    (after,) = world.comments(12)

    assert before == after
    rows = [line for line in after.splitlines() if line.startswith("|")][2:]
    assert [row.split("|")[1].strip() for row in rows] == ["dev", "qa", "uat", "prod"]
    assert "[v1.0.0](" in rows[3] and "2026-11-21 10:20 UTC | ana" in rows[3]
    good(record("prod", "--release", "v1.0.0"))
    assert len(world.comments(12)) == 1


def test_a_rollback_takes_the_row_out_of_the_comment(record: Record, world: Recorded) -> None:
    first = world.fleet.git("rev-parse", "HEAD")
    second = world.merge("fix: prices (#13)", 2)
    pull(world, second, 13)
    world.to_prod(second, world.built(second), "1100", "v1.0.1")
    good(record("prod"))
    assert "[v1.0.1](" in world.comments(13)[0]

    world.rolled_back("1200", first)
    good(record("prod"))

    (body,) = world.comments(13)
    assert body.splitlines()[-1] == "| prod | - | | |"


def test_a_pull_request_that_no_subject_names_is_asked_for(record: Record, world: Recorded) -> None:
    commit = world.merge("a commit of a rebase", 2)
    pull(world, commit, 14)
    world.to_prod(commit, world.built(commit), "1100", "v1.0.1")

    good(record("prod"))

    assert len(world.comments(14)) == 1


def test_a_number_in_a_subject_that_is_no_merged_pull_request_gets_no_comment(
    record: Record, world: Recorded
) -> None:
    commit = world.merge("fix: prices (#15)", 2)
    world.sandbox.forge.add_pull(world.name, "not merged", [commit], number=15)
    world.to_prod(commit, world.built(commit), "1100", "v1.0.1")

    good(record("prod"))

    assert world.comments(15) == []


# -- permissions


def with_token(world: Recorded, monkeypatch: pytest.MonkeyPatch, **permissions: Any) -> str:
    token = world.sandbox.forge.app_token(world.name, **permissions)
    monkeypatch.setenv("GH_TOKEN", token)
    return token


def test_a_jobs_token_with_three_permissions_is_enough(
    record: Record, world: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(world, world.fleet.git("rev-parse", "HEAD"), 12)
    with_token(world, monkeypatch, contents="write", deployments="write", pull_requests="write")

    good(record("uat"))
    good(record("prod"))

    assert world.releases() == [("v1.0.0", False, FILES_NAMED)]
    assert len(world.comments(12)) == 1


@pytest.mark.parametrize(
    ("missing", "part"),
    [("contents", "releases"), ("deployments", "deployments"), ("pull_requests", "comments")],
)
def test_a_missing_permission_is_named_and_the_rest_is_recorded(
    missing: str, part: str, record: Record, world: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(world, world.fleet.git("rev-parse", "HEAD"), 12)
    permissions = {"contents": "write", "deployments": "write", "pull_requests": "write"}
    del permissions[missing]
    token = with_token(world, monkeypatch, **permissions)

    ran = record("prod")

    assert ran.code == 2
    assert ran.lines("error:")[0].startswith(f"{part} are not recorded: ")
    assert f"`{missing.replace('_', '-')}: " in ran.lines("fix:")[0]
    assert token not in ran.out + ran.err
    assert {
        "contents": world.releases() == [],
        "deployments": world.shown()["deployments"] == [],
        "pull_requests": world.comments(12) == [],
    } == {one: one == missing for one in ("contents", "deployments", "pull_requests")}


@pytest.mark.parametrize("token", ["", "ghs_unknown", "gho_has a space", "gho_line\n"], ids=repr)
def test_a_token_that_is_none_is_refused_and_never_shown(
    token: str, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", token)

    ran = record("prod")

    assert ran.code == 2
    assert "token" in ran.lines("error:")[0] and "GH_TOKEN" in ran.lines("fix:")[0]
    assert not token or token.strip() not in ran.out + ran.err


# -- GitHub in trouble


def test_a_repository_that_github_does_not_show_is_named(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/nothing")

    ran = record("prod")

    assert ran.code == 2
    assert "acme/nothing" in ran.lines("error:")[0]


# -- in a job of Actions


def test_a_job_gets_a_summary_and_an_annotation_for_every_promotion_that_has_ended(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    first = good(record("prod"))

    assert "::error title=prod::promote of v1.0.0 failed: the smoke test failed" in first.err.splitlines()
    assert "::notice title=prod::promote of v1.0.0 succeeded" in first.err.splitlines()
    assert "publish the release v1.0.0" in summary.read_text().replace("\\", "")
    assert "::notice" not in good(record("prod")).err


def test_who_has_approved_a_run_is_asked_of_github(
    world: Recorded, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    assert cli("workflows", "approvers", "--gate", "prod-approval", at=world.fleet.clone).code == 2
    run = world.sandbox.forge.add_run(world.name, "promote-prod.yml")
    monkeypatch.setenv("GITHUB_RUN_ID", str(run))

    good(cli("workflows", "approvers", "--gate", "prod-approval", at=world.fleet.clone))

    assert (tmp_path / "outputs").read_text().splitlines()[1] == ""


def test_a_release_that_nobody_knows_is_refused(record: Record) -> None:
    ran = record("--release", "v9.9.9")

    assert ran.code == 2
    assert ran.lines("error:") == ["the ledger has nothing of v9.9.9 in dev, qa, uat, prod"]


def test_no_more_is_read_than_back_to_the_last_release_that_is_in_step(
    record: Record, world: Recorded
) -> None:
    for number, time in enumerate(("1100", "1110", "1120"), 1):
        commit = world.merge("fix: more", number)
        world.to_prod(commit, world.built(commit), time, f"v1.0.{number}")
    good(record("prod"))
    world.bakes("1130")
    world.sandbox.forget_calls()

    good(record("prod"))

    statuses = [call for call in world.sandbox.calls() if "deployment-statuses" in call["operation"]]
    assert len(statuses) == 2  # of the one before, in both regions; what bakes has no deployment yet
    assert [state for _, _, state in world.deployments()][-4:] == ["success"] * 2 + ["in_progress"] * 2


def test_a_tag_with_a_slash_is_one_tag(world: Recorded) -> None:
    from release.core.forge.releases import WantedRelease

    wanted = WantedRelease("payments/v1.0.0", "main", "id", "words", False, False, ())
    forge = _forge(world)
    draft = forge.releases.create_draft(wanted)
    assert forge.releases.published(wanted.tag) is None

    forge.releases.publish(draft.id, wanted)

    assert forge.releases.published(wanted.tag).id == draft.id


def test_a_tag_that_was_moved_is_not_published_and_the_rest_is_recorded(
    record: Record, world: Recorded
) -> None:
    world.git("tag", "--force", "v1.0.0", "main")

    ran = record("prod")

    assert ran.code == 3
    assert ran.lines("error:")[0].startswith("the tag v1.0.0 is ")
    assert world.releases() == [] and len(world.deployments()) == 4


def test_a_store_that_cannot_be_read_keeps_the_release_back_alone(record: Record, world: Recorded) -> None:
    store, away = world.fleet.folder / "store", world.fleet.folder / "away"
    store.rename(away)

    ran = record("prod")

    assert ran.code == 2
    assert ran.lines("error:")[0].startswith("releases are not recorded: ")
    assert world.releases() == [] and len(world.deployments()) == 4
    away.rename(store)
    good(record("prod"))
    assert world.releases() == [("v1.0.0", False, FILES_NAMED)]
