"""`release workflows render`: what it writes, what it leaves alone, and what `--check` says."""

from pathlib import Path

import pytest

from release.cli.main import main
from tests.cli.worlds import FILES, FLEET, Fleet
from tests.workflows.rendered import SHARED

PAYMENTS = FLEET.replace('["*"]', '["none-*"]').replace("v{version}", "payments/v{version}")


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.with_files(tmp_path / "fleet")


def workflows(fleet: Fleet) -> Path:
    return fleet.clone / ".github" / "workflows"


def render(fleet: Fleet, *words: str) -> int:
    return int(main(["-C", str(fleet.clone), "workflows", "render", *words]))


def names(fleet: Fleet) -> set[str]:
    return {path.name for path in workflows(fleet).iterdir()}


def test_what_was_rendered_passes_the_check(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert render(fleet, "--check") == 3
    assert not workflows(fleet).exists(), "a check writes nothing"
    assert render(fleet) == 0
    assert render(fleet, "--check") == 0
    capsys.readouterr()
    assert render(fleet) == 0

    assert "7 workflows are in step" in capsys.readouterr().out


def test_a_new_stage_gives_its_button_and_a_check_names_what_is_missing(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    render(fleet)
    more = "  - {name: prod, channel: gold, after: uat, environment: uat, rollout: all-at-once}\n"
    fleet.write({"pipelines/fleet.yaml": FLEET + more})
    capsys.readouterr()

    assert render(fleet, "--check") == 3
    said = capsys.readouterr().err
    assert "2 workflows are out of step" in said
    assert "promote-prod.yml: is missing" in said and "rollback.yml: differs" in said
    assert render(fleet) == 0 and render(fleet, "--check") == 0
    assert "promote-prod.yml" in names(fleet)


def test_a_new_pipeline_gives_its_buttons(fleet: Fleet) -> None:
    render(fleet)
    before = names(fleet)
    fleet.write({"pipelines/payments.yaml": PAYMENTS})

    assert render(fleet) == 0
    assert names(fleet) - before == {
        "deploy-payments.dev.yml", "promote-payments.qa.yml", "promote-payments.uat.yml",
        "rollback-payments.yml",
    }  # fmt: skip


def test_a_stage_that_is_gone_takes_its_button_along_and_nobody_elses_file(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    render(fleet)
    (workflows(fleet) / "stale.yml").write_text("name: Mark stale issues\n")
    fleet.write({"pipelines/fleet.yaml": FLEET[: FLEET.index("  - {name: uat")]})
    capsys.readouterr()

    assert render(fleet, "--check") == 3
    assert "promote-uat.yml: no pipeline asks for it" in capsys.readouterr().err
    assert render(fleet) == 0
    assert "promote-uat.yml" not in names(fleet) and "stale.yml" in names(fleet)


def test_a_changed_line_is_found(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    render(fleet)
    path = workflows(fleet) / "_release.yml"
    path.write_text(path.read_text().replace("contents: read", "contents: write", 1))
    capsys.readouterr()

    assert render(fleet, "--check") == 3
    assert "_release.yml: differs" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["by hand", "a link", "a folder", "bytes"])
def test_a_file_that_was_not_rendered_is_never_replaced(
    kind: str, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    workflows(fleet).mkdir(parents=True)
    path = workflows(fleet) / "rollback.yml"
    elsewhere = fleet.folder / "elsewhere.yml"
    elsewhere.write_text("name: mine\n")
    match kind:
        case "by hand":
            path.write_text("name: mine\n")
        case "a link":
            path.symlink_to(elsewhere)
        case "a folder":
            path.mkdir()
        case "bytes":
            path.write_bytes(b"\xff\xfe")

    assert render(fleet) == 2
    assert "rollback.yml was not rendered by release" in capsys.readouterr().err
    assert names(fleet) == {"rollback.yml"}, "nothing else was written either"
    assert elsewhere.read_text() == "name: mine\n"


@pytest.mark.parametrize("shared", ["acme/lambdas@v1", "acme/lambdas", f"{SHARED}\n", "a b/c@" + "0" * 40])
def test_the_workflow_of_another_repository_is_named_by_commit(shared: str, fleet: Fleet) -> None:
    assert render(fleet, "--from", shared) == 2


def test_a_repository_that_uses_another_ones_workflow_passes_its_own_check(fleet: Fleet) -> None:
    assert render(fleet, "--from", SHARED) == 0
    assert "_release.yml" not in names(fleet)
    assert render(fleet, "--check", "--from", SHARED) == 0
    assert render(fleet, "--check") == 3


def test_it_needs_neither_a_remote_nor_a_commit(tmp_path: Path) -> None:
    fleet = Fleet.with_files(tmp_path / "fleet", FILES)
    fleet.git("remote", "remove", "origin")

    assert render(fleet) == 0
