"""What the jobs after a plan are told, what the summary shows, and which stages `watch.yml` goes on with."""

import json
from pathlib import Path
from typing import Any

import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.cli.main import main
from release.core.records import Event, Holder, ReleaseRef
from release.views.workflow_report import report
from tests.cli.worlds import Fleet

DIGEST = "d" * 64


def a_plan(nothing: str | None = None, **said: Any) -> dict[str, Any]:
    change = {
        "service": "orders",
        "function": "orders-qa",
        "region": "us-east-1",
        "now": {"lambda_version": "7", "code": "a" * 64},
        "next": {"code": "b" * 64},
        "changes": True,
    }
    plan = {
        "verb": "promote",
        "stage": "qa",
        "tag": "v1.2.0-qa.1",
        "commit": "c" * 40,
        "source": "dev",
        "reason": None,
        "digest": DIGEST,
        "changes": [change],
        "warnings": [],
        "blockers": [],
    }
    return {"schema": 1, "nothing": nothing, "request": {}, "plan": plan | said}


def test_a_plan_with_something_to_do_goes_on() -> None:
    told = report(a_plan(), "1")

    assert told.outputs == {
        "attempt": "1",
        "digest": DIGEST,
        "release": "v1.2.0-qa.1",
        "title": "promote v1.2.0-qa.1 to qa",
        "go": "true",
    }
    assert "| orders-qa | us-east-1 | 7 · `aaaaaaaaaa` | `bbbbbbbbbb` |" in told.summary.replace("\\", "")


def test_a_closed_gate_and_nothing_to_do_both_end_the_run() -> None:
    blocker = {"code": "soak", "message": "it has run for 2 h of 24 h", "fix": "wait"}
    closed = report(a_plan(blockers=[blocker]), "1")
    nothing = report(a_plan(nothing="nothing to do: qa serves v1.2.0-qa.1"), "1")

    assert closed.outputs["go"] == nothing.outputs["go"] == "false"
    assert "it has run for 2 h of 24 h" in closed.summary
    assert "nothing to do" in nothing.summary


def test_a_release_without_a_tag_goes_by_its_commit() -> None:
    told = report(a_plan(tag=None, verb="deploy", stage="dev"), "2")

    assert (told.outputs["release"], told.outputs["attempt"]) == ("c" * 40, "2")
    assert told.outputs["title"] == f"deploy {'c' * 10} to dev"


def test_words_from_outside_are_no_markup_in_the_summary() -> None:
    hostile = "<img src=x> | [a](b) `x` ${{ secrets.X }} @team\n# forged"
    summary = report(a_plan(reason=hostile, warnings=[hostile]), "1").summary

    assert "<img" not in summary and "\n# forged" not in summary
    assert "](b)" not in summary and "${{" not in summary


def test_the_outputs_and_the_summary_reach_the_files_that_github_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, outputs, summary = tmp_path / "plan.json", tmp_path / "outputs", tmp_path / "summary"
    plan.write_text(json.dumps(a_plan()))
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "3")

    assert main(["workflows", "report", str(plan)]) == 0
    lines = outputs.read_text().splitlines()
    assert "go<<" in outputs.read_text() and lines[lines.index(DIGEST) - 1].startswith("digest<<")
    assert lines[1] == "3"
    assert summary.read_text().startswith("## promote")
    assert capsys.readouterr().out == ""


def test_a_summary_that_cannot_be_written_is_shown_and_changes_no_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(a_plan()))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))

    assert main(["workflows", "report", str(plan)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("## promote")
    assert "warning: the summary of this job cannot be written" in shown.err


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"plan": 1, "nothing": null}', "[" * 100_000, '{"plan": {}}']
)
def test_a_file_that_is_no_plan_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(content)

    assert main(["workflows", "report", str(plan)]) == 2
    assert "this is no plan file" in capsys.readouterr().err


def test_nothing_under_way_starts_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet.with_files(tmp_path / "fleet")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))

    assert main(["-C", str(fleet.clone), "workflows", "under-way"]) == 0
    assert "nothing is under way" in capsys.readouterr().out
    written = (tmp_path / "outputs").read_text()
    assert (written.count('{"include":[]}'), written.count("\nfalse\n")) == (2, 2)  # nor does anything serve


def test_a_stage_under_way_is_handed_on_with_all_that_the_reusable_workflow_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet.with_files(tmp_path / "fleet")
    ledger = GitLedger(GitRepo.open(fleet.clone), SystemClock())
    ledger.append(
        ledger.read(),
        Event(
            kind="started",
            holder=Holder("elsewhere/boot", 4711, "1"),
            next_by="2026-11-21T10:50:00Z",
            id="20261121T095001Z-fleet-qa-00000001",
            at="2026-11-21T09:50:01Z",
            pipeline="fleet",
            stage="qa",
            verb="promote",
            release=ReleaseRef(fleet.git("rev-parse", "HEAD"), "m" * 64, "v1.0.0-qa.1", "f" * 40),
            actor="ada",
            run="77.1",
            tool="lambda-release 0.1.0",
            fence=1,
        ),
    )
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))

    assert main(["-C", str(fleet.clone), "workflows", "under-way"]) == 0
    assert "qa of fleet is under way" in capsys.readouterr().out
    row = {"pipeline": "fleet", "stage": "qa", "environment": "qa"}
    assert json.dumps({"include": [row]}, separators=(",", ":")) in (tmp_path / "outputs").read_text()
    assert "\ntrue\n" in (tmp_path / "outputs").read_text()
