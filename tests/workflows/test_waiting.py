"""Whoever decides is told that a plan waits, and that they cannot be told keeps nothing up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release.cli.main import main
from tests.adapters.notices import HOSTILE, Webhook, webhook
from tests.cli.worlds import FILES, Fleet
from tests.workflows.test_told import a_plan

ENVIRONMENTS = "pipelines/environments.yaml"


@pytest.fixture
def server() -> Iterator[Webhook]:
    with webhook("/services/nobodymayknow") as started:
        yield started


def waiting(folder: Path, told: str, **plan: Any) -> int:
    files = {**FILES, ENVIRONMENTS: f"{FILES[ENVIRONMENTS]}notifications: [{told}]\n"}
    fleet = Fleet.with_files(folder / "fleet", files)
    file = folder / "plan.json"
    file.write_text(json.dumps(a_plan(pipeline="fleet", **plan)))
    return int(main(["-C", str(fleet.clone), "workflows", "waiting", str(file)]))


def test_who_decides_is_told_what_waits_where_to_approve_and_how_to_keep_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Webhook
) -> None:
    monkeypatch.setenv("RELEASE_WEBHOOK", server.url)
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    monkeypatch.setenv("GITHUB_API_URL", "https://api.github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/fleet")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")

    assert waiting(tmp_path, "{webhook: RELEASE_WEBHOOK}", reason=HOSTILE) == 0

    ((_, sent),) = server.asked
    assert (sent["occasion"], sent["title"]) == ("waiting", "promote of v1.2.0-qa.1 to qa waits for approval")
    assert sent["facts"]["who"] == "ada" and sent["facts"]["where"] == "1 of 1 function in us-east-1"
    assert sent["links"][0]["url"] == "https://github.com/acme/fleet/actions/runs/77/attempts/1"
    assert sent["commands"][0]["command"] == "release hold qa --pipeline fleet --reason TEXT"


def test_who_does_not_want_to_know_of_what_waits_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Webhook
) -> None:
    monkeypatch.setenv("RELEASE_WEBHOOK", server.url)

    assert waiting(tmp_path, "{webhook: RELEASE_WEBHOOK, on: [failed]}") == 0
    assert server.asked == []


def test_that_nobody_can_be_told_is_said_and_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELEASE_SLACK_WEBHOOK", server.url)
    server.answers = [(404, {}, b"no_service")]

    assert waiting(tmp_path, "{slack: RELEASE_SLACK_WEBHOOK}") == 0
    said = capsys.readouterr().err
    assert "untold: slack (RELEASE_SLACK_WEBHOOK): it answered HTTP 404 no_service" in said
    assert "nobodymayknow" not in said


def test_a_plan_of_a_stage_that_is_no_more_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert waiting(tmp_path, "{slack: HOOK}", stage="gone") == 2
    assert "fleet has no stage gone" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", '{"plan": {}}', '{"plan": null}'])
def test_a_file_that_is_no_plan_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet.with_files(tmp_path / "fleet")
    (tmp_path / "plan.json").write_text(content)

    assert main(["-C", str(fleet.clone), "workflows", "waiting", str(tmp_path / "plan.json")]) == 2
    assert "this is no plan file" in capsys.readouterr().err


def test_a_variable_that_no_workflow_hands_over_is_named_when_they_are_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "notifications: [{slack: OURS}, {teams: RELEASE_TEAMS_WEBHOOK}]\n"
    fleet = Fleet.with_files(tmp_path / "fleet", {**FILES, ENVIRONMENTS: FILES[ENVIRONMENTS] + told})

    assert main(["-C", str(fleet.clone), "workflows", "render"]) == 0
    said = capsys.readouterr().out
    assert "note: notifications name OURS" in said and "name RELEASE_TEAMS_WEBHOOK" not in said
    rendered = (fleet.clone / ".github" / "workflows" / "promote-qa.yml").read_text()
    assert "RELEASE_TEAMS_WEBHOOK: ${{ secrets.RELEASE_TEAMS_WEBHOOK }}" in rendered
