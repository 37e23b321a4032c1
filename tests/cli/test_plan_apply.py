"""`release plan --out` and `release apply`: the file in between, which anybody may have edited."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SANDBOXED, Cli
from tests.cli.worlds import FILES, Fleet, git

UAT = "333333333333"


def a_plan(**request: object) -> dict[str, Any]:
    asked = {"verb": "promote", "stage": "uat", "bump": "auto", "services": [], "pipeline": "fleet"}
    return {"schema": 1, "nothing": None, "plan": {"digest": "0" * 64}, "request": asked | request}


def without(*path: str) -> dict[str, Any]:
    document = a_plan()
    place = document
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return document


GARBAGE = {
    "empty": b"",
    "bytes": b"\xff\xfe\x00",
    "no JSON": b"promote uat, please",
    "cut off": json.dumps(a_plan()).encode()[:-5],
    "a list": b"[]",
    "a word": b'"plan"',
    "nested without end": b"[" * 100_000,
    "a number without end": b'{"request": ' + b"9" * 5000 + b"}",
    "without a request": json.dumps(without("request")).encode(),
    "without a digest": json.dumps(without("plan", "digest")).encode(),
    "without a stage": json.dumps(without("request", "stage")).encode(),
    "without a pipeline": json.dumps(without("request", "pipeline")).encode(),
}
FORGED = {
    "an unknown field": ({"approved": True}, "approved"),
    "a stage that is no text": ({"stage": ["uat"]}, "stage must be text"),
    "a pipeline that is no text": ({"pipeline": {"fleet": 1}}, "pipeline and digest must be text"),
    "a flag that is a word": ({"allow_older": "no"}, "allow_older must be true or false"),
    "services in one word": ({"services": "orders"}, "services and regions must be lists"),
    "a service that is no name": ({"services": [1]}, "services and regions must be names"),
    "an unknown bump": ({"bump": "gigantic"}, "bump must be one of"),
    "a reason without end": ({"reason": "x" * 501}, "501 characters; 500 is the limit"),
    "a reason with a secret": ({"reason": "with password=hunter22"}, "seems to hold a password"),
    "a reason that begins a line": ({"reason": "x\n::error::y"}, "a line break"),
    "regions that nobody explains": ({"regions": ["us-east-1"]}, "regions need a reason"),
    "a secret in what alarms are about": (
        {"despite_alarms": "password=hunter22"},
        "seems to hold a password",
    ),
    "a secret in what may be destroyed": (
        {"approve_destructive": "password=hunter22"},
        "seems to hold a password",
    ),
    "an approval that is a flag": ({"approve_destructive": True}, "approve_destructive must be text"),
    "a rollback that nobody explains": ({"verb": "rollback"}, "a rollback needs a reason"),
}


def assert_refused(cli: Cli, fleet: Fleet, path: Path, says: str) -> None:
    ran = cli("apply", str(path), "--yes", at=fleet.clone)

    assert ran.code == 2, ran.err
    assert says in ran.lines("error:")[0]
    assert ran.lines("fix:") == ["write it with: release plan VERB … --out plan.json"]
    assert ran.lines("see:") == [str(path)]


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_a_file_that_is_no_plan_is_refused(
    content: bytes, untouched: Fleet, cli: Cli, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)

    assert_refused(cli, untouched, path, "this is no plan file")


@pytest.mark.parametrize(("request_", "says"), FORGED.values(), ids=FORGED)
def test_a_request_that_no_option_would_let_through_is_refused(
    request_: dict[str, object], says: str, untouched: Fleet, cli: Cli, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(a_plan(**request_)))

    assert_refused(cli, untouched, path, says)


def test_a_plan_that_is_not_there_is_refused(fleet: Fleet, cli: Cli, tmp_path: Path) -> None:
    assert_refused(cli, fleet, tmp_path / "plan.json", "No such file or directory")


def test_a_plan_for_a_pipeline_that_is_not_there_is_refused(fleet: Fleet, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(a_plan(pipeline="payments")))

    ran = cli("apply", str(path), "--yes", at=fleet.clone)

    assert ran.code == 2
    assert ran.lines("error:") == ["there is no pipeline payments"]


def test_a_verb_that_is_none_is_refused(fleet: Fleet, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(a_plan(verb="destroy")))

    ran = cli("apply", str(path), "--yes", at=fleet.clone)

    assert ran.code == 2
    assert "'destroy'" in ran.lines("error:")[0]


# -- with an AWS to plan against -----------------------------------------------------------------------------


@pytest.fixture
def planned(
    fleet_in_a_folder: Fleet, account: Callable[[str], None], cli: Cli, tmp_path: Path
) -> tuple[Fleet, Path]:
    """A plan of uat, as `release plan` wrote it."""
    account(UAT)
    path = tmp_path / "plan.json"
    ran = cli(
        "plan", "promote", "uat", "--reason", "signed off", "--out", str(path), at=fleet_in_a_folder.clone
    )
    assert ran.code == 0, ran.err
    return fleet_in_a_folder, path


@SANDBOXED
def test_a_plan_is_carried_out_as_it_was_shown(planned: tuple[Fleet, Path], cli: Cli) -> None:
    fleet, path = planned

    ran = cli("apply", str(path), "--yes", at=fleet.clone)

    assert ran.code == 0, ran.err
    assert "v1.0.0-rc.1" in git(fleet.remote, "tag").split()


@SANDBOXED
@pytest.mark.parametrize("digest", ["0" * 64, "", "x"])
def test_a_digest_that_was_not_approved_changes_nothing(
    digest: str, planned: tuple[Fleet, Path], cli: Cli
) -> None:
    fleet, path = planned
    before = git(fleet.remote, "for-each-ref")

    ran = cli("apply", str(path), "--expect-digest", digest, "--yes", at=fleet.clone)

    assert ran.code == 4, ran.err
    assert "the plan no longer holds" in ran.lines("error:")[0]
    assert git(fleet.remote, "for-each-ref") == before


@SANDBOXED
def test_a_request_edited_after_its_approval_changes_nothing(planned: tuple[Fleet, Path], cli: Cli) -> None:
    fleet, path = planned
    document = json.loads(path.read_text())
    document["request"]["reason"] = "something else"
    path.write_text(json.dumps(document))
    before = git(fleet.remote, "for-each-ref")

    assert cli("apply", str(path), "--yes", at=fleet.clone).code == 4
    assert git(fleet.remote, "for-each-ref") == before


@SANDBOXED
def test_a_plan_of_another_pipeline_is_another_plan(planned: tuple[Fleet, Path], cli: Cli) -> None:
    """Both pipelines have a stage of this name; only the first was approved for it."""
    fleet, path = planned
    other = FILES["pipelines/fleet.yaml"].replace('"v{version}"', '"payments/v{version}"')
    fleet.commit(
        "feat: payments",
        {
            "pipelines/payments.yaml": other.replace('["*"]', '["pay-*"]'),
            "pipelines/fleet.yaml": FILES["pipelines/fleet.yaml"].replace('["*"]', '["orders"]'),
        },
    )
    fleet.push()
    document = json.loads(path.read_text())
    document["request"]["pipeline"] = "payments"
    path.write_text(json.dumps(document))
    before = git(fleet.remote, "for-each-ref")

    assert cli("apply", str(path), "--yes", at=fleet.clone).code in (3, 4)
    assert git(fleet.remote, "for-each-ref") == before


@SANDBOXED
@pytest.mark.parametrize("name", ["missing/plan.json", "fleet/clone/HEAD/plan.json"])
def test_a_plan_that_cannot_be_written_is_an_error(
    name: str, fleet_in_a_folder: Fleet, account: Callable[[str], None], cli: Cli, tmp_path: Path
) -> None:
    account(UAT)

    ran = cli("plan", "promote", "uat", "--out", str(tmp_path / name), at=fleet_in_a_folder.clone)

    assert ran.code == 2
    assert "the plan cannot be written" in ran.lines("error:")[0]
