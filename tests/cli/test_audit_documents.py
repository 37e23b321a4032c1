"""`release audit file` and `release audit export`: what is handed to auditors."""

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from release.core import canonical
from release.core.records import Passed, Seen
from tests import schemas
from tests.cli.audit_worlds import Audited
from tests.cli.conftest import Cli, Ran, _somebody

pytestmark = pytest.mark.xdist_group("an audited repository")  # or each worker would make it
DAY = ("--from", "2026-11-21", "--to", "2026-11-21")


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """For what only reads."""
    with _somebody():
        return Audited.made(tmp_path_factory.mktemp("documents") / "fleet")


@pytest.fixture
def audit(cli: Cli, audited: Audited) -> Callable[..., Ran]:
    def run(*words: str) -> Ran:
        return cli("audit", *words, at=audited.fleet.clone)

    return run


@pytest.fixture
def document(audit: Callable[..., Ran]) -> Callable[..., dict[str, Any]]:
    def read(*words: str) -> dict[str, Any]:
        ran = audit("file", *words)
        assert ran.code == 0, ran.err
        found: dict[str, Any] = json.loads(ran.out)
        schemas.validator("audit-1").validate(found)
        return found

    return read


# -- audit.json


def test_the_schema_is_one() -> None:
    held = schemas.validator("audit-1")

    held.check_schema(held.schema)


def test_the_schema_refuses_what_it_does_not_know(document: Callable[..., dict[str, Any]]) -> None:
    wrong = document("v1.0.0-rc.1", "--stage", "uat") | {"password": "hunter2"}

    assert not schemas.validator("audit-1").is_valid(wrong)


def test_a_document_says_who_asked_who_approved_when_and_why(
    document: Callable[..., dict[str, Any]],
) -> None:
    found = document("v1.0.0-rc.1", "--stage", "uat")

    assert found["requested"] == {
        "actor": "ana",
        "run": None,
        "at": "2026-11-21T10:10:00Z",
        "reason": '=cmd|"x"!A0',
    }
    assert [(one["stage"], one["actor"], one["reason"]) for one in found["approvals"]] == [
        ("qa", "ben", "tested by hand")
    ]
    assert found["ended"] == {
        "at": "2026-11-21T10:10:30Z",
        "outcome": "succeeded",
        "failure": None,
        "left": [],
    }
    assert found["gates"]["source"]["tag"] == found["release"]["source"] == "v1.0.0-qa.1"
    assert found["gates"]["soaked_seconds"] == 14 * 60 + 30
    assert found["notes"] == ["ran a migration"]


def with_gates(audited: Audited, folder: Path) -> Audited:
    """With a promotion of today's `release`, which records what the gates went by; those before are older."""
    world = audited.copied(folder)
    commit = world.fleet.git("rev-parse", "HEAD").strip()
    seen = (Seen("stage", "qa"), Seen("since", "2026-11-21T10:25:30Z"))
    alarms = tuple(Seen(f"orders-{number} in us-east-1", "OK") for number in range(20))
    world.promoted(
        "uat", commit, world.built(commit), "1200", tag="v1.0.1-rc.1", source="v1.0.1-qa.1",
        gates=(Passed("soak", "1h", seen), Passed("alarms_clear", "true", alarms)), approvers=("bob", "cyn"),
    )  # fmt: skip
    return world


def test_a_document_says_what_the_gates_went_by_and_who_approved_the_run(
    audited: Audited, tmp_path: Path, cli: Cli
) -> None:
    world = with_gates(audited, tmp_path / "gated")
    ran = cli("audit", "file", "v1.0.1-rc.1", "--stage", "uat", at=world.fleet.clone)
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    schemas.validator("audit-1").validate(found)
    assert found["requested"]["approvers"] == ["bob", "cyn"]
    soak, alarms = found["gates"]["configured"]
    assert soak == {
        "gate": "soak",
        "setting": "1h",
        "seen": [{"what": "stage", "value": "qa"}, {"what": "since", "value": "2026-11-21T10:25:30Z"}],
    }
    assert len(alarms["seen"]) == 20


def test_people_read_what_the_gates_went_by_in_show_and_in_the_report(
    audited: Audited, tmp_path: Path, cli: Cli
) -> None:
    world = with_gates(audited, tmp_path / "gated")
    shown = cli("audit", "show", "v1.0.1-rc.1", at=world.fleet.clone)
    assert "approved by: bob, cyn" in shown.out
    assert "gate soak 1h: stage qa, since 2026-11-21T10:25:30Z" in shown.out
    file = tmp_path / "report.html"
    cli("audit", "export", *DAY, "--format", "html", "--output", str(file), at=world.fleet.clone)
    text = " ".join(re.sub("<[^>]*>", " ", file.read_text("utf-8")).split())
    assert "approved by bob, cyn from v1.0.1-qa.1" in text
    assert "gate soak 1h: stage qa, since 2026-11-21 10:25:30 gate alarms clear orders-0 in" in text
    assert "orders-11 in us-east-1 OK and 8 more note" in text


def test_a_document_of_what_an_older_version_recorded_keeps_its_bytes(
    document: Callable[..., dict[str, Any]],
) -> None:
    """Its asset on the forge is compared with what the ledger says, whatever version asks."""
    found = document("v1.0.0-rc.1", "--stage", "uat")
    assert found["gates"]["configured"] is None
    assert set(found["requested"]) == {"actor", "run", "at", "reason"}


def test_a_document_says_what_was_changed_where_and_by_which_bytes(
    document: Callable[..., dict[str, Any]],
) -> None:
    found = document("v1.0.0-rc.1", "--stage", "uat")

    (function,) = found["functions"]
    artifact = found["artifacts"]["orders"]["artifact"]
    assert function["before"] == {"lambda_version": None, "code": None}
    assert function["after"] == {"lambda_version": "1", "code": artifact}
    assert function["changed"] is True
    assert function["all_traffic_at"] == "2026-11-21T10:10:20Z"
    assert [(one["verdict"], one["canary_calls"]) for one in found["health"]] == [("pass", 100)]


def test_a_document_lists_the_commits_since_the_release_that_served_before(
    document: Callable[..., dict[str, Any]],
) -> None:
    second = document("v1.0.1-qa.1", "--stage", "qa")

    assert second["served_before"]["tag"] == "v1.0.0-qa.1"
    assert second["commits"]["since"] == second["served_before"]["commit"]
    assert [one["subject"] for one in second["commits"]["added"]] == ["fix: more prices"]
    first = document("v1.0.0-qa.1", "--stage", "qa")
    assert first["served_before"] is None
    assert first["commits"]["pull_requests"] == [12]


def test_a_document_names_the_commits_of_the_ledger_that_hold_it(
    document: Callable[..., dict[str, Any]], audited: Audited
) -> None:
    found = document("v1.0.0-rc.1", "--stage", "uat", "--id", "20261121T100500Z-fleet-uat-00001005")

    assert found["ended"]["outcome"] == "failed"
    assert found["functions"][0]["after"] is None
    chain = list(audited.ledger_commits())
    named = [one["commit"] for one in found["ledger"]["records"]]
    assert [audited.added(one) for one in named] == [one["path"] for one in found["ledger"]["records"]]
    assert found["ledger"]["commit"] == named[-1]
    assert chain.index(found["ledger"]["before"]) < chain.index(named[0])


def test_a_document_is_canonical_and_the_same_after_the_release_went_on(
    audit: Callable[..., Ran], audited: Audited, tmp_path: Path, cli: Cli
) -> None:
    file = tmp_path / "audit.json"
    assert audit("file", "v1.0.0-qa.1", "--stage", "qa", "--output", str(file)).code == 0
    data = file.read_bytes()
    assert canonical.dumps(json.loads(data)) == data

    later = audited.copied(tmp_path / "later")
    later.decided("accept", "qa", "1200", reason="again")
    again = cli("audit", "file", "v1.0.0-qa.1", "--stage", "qa", at=later.fleet.clone)
    assert again.out.encode() == data


def test_a_document_is_never_written_over_another_file(audit: Callable[..., Ran], tmp_path: Path) -> None:
    file = tmp_path / "audit.json"
    file.write_text("mine")

    ran = audit("file", "v1.0.0-qa.1", "--stage", "qa", "--output", str(file))

    assert ran.code == 2
    assert "File exists" in ran.err
    assert file.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["audit.json"]


def test_a_release_that_never_was_in_a_stage_has_no_document_there(audit: Callable[..., Ran]) -> None:
    ran = audit("file", "v1.0.1-qa.1", "--stage", "uat")

    assert ran.code == 2
    assert "v1.0.1-qa.1 was never brought into the stage uat" in ran.err
    assert ran.lines("fix:") == ["name one of: qa"]


def test_no_document_rests_on_a_tag_that_was_moved(audited: Audited, tmp_path: Path, cli: Cli) -> None:
    moved = audited.copied(tmp_path / "moved")
    moved.git("tag", "--force", "--annotate", "-m", "x", "v1.0.0-rc.1", "main")

    ran = cli("audit", "file", "v1.0.0-rc.1", "--stage", "uat", at=moved.fleet.clone)

    assert ran.code == 3
    assert ran.lines("fix:") == ["release audit verify v1.0.0-rc.1"]


# -- exports


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_for_every_function_of_every_promotion(audit: Callable[..., Ran]) -> None:
    found = rows(audit("export", *DAY).out)

    assert [(one["stage"], one["tag"], one["outcome"]) for one in found] == [
        ("dev", "", "succeeded"),
        ("qa", "v1.0.0-qa.1", "succeeded"),
        ("uat", "v1.0.0-rc.1", "failed"),
        ("uat", "v1.0.0-rc.1", "succeeded"),
        ("dev", "", "succeeded"),
        ("qa", "v1.0.1-qa.1", "succeeded"),
    ]
    assert {one["function"] for one in found} == {"orders-dev", "orders-qa", "orders-uat"}
    assert found[1]["duration_seconds"] == "30"


def test_no_cell_of_a_csv_is_a_formula(audit: Callable[..., Ran]) -> None:
    """The reason of one promotion is a formula that would start a program."""
    found = rows(audit("export", *DAY, "--stage", "uat").out)

    assert found[1]["reason"] == '\'=cmd|"x"!A0'
    for row in found:
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_period_has_its_last_day_and_no_other(audit: Callable[..., Ran]) -> None:
    assert rows(audit("export", "--from", "2026-11-20", "--to", "2026-11-20").out) == []
    assert rows(audit("export", "--from", "2026-11-22", "--to", "2026-12-01").out) == []
    assert len(rows(audit("export", "--from", "2026-11-01", "--to", "2026-11-21").out)) == 6


def test_json_names_what_was_asked_and_holds_decisions_too(audit: Callable[..., Ran]) -> None:
    found = json.loads(audit("export", *DAY, "--format", "json").out)

    assert found["schema"] == "lambda-release/audit-export/1"
    assert (found["asked"]["from"], found["asked"]["to"]) == ("2026-11-21", "2026-11-21")
    assert len(found["promotions"]) == 6
    assert [(one["what"], one["actor"]) for one in found["decisions"]] == [("accept", "ben")]


class _Page(HTMLParser):
    """Texts and tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_shows_promotions_and_escapes_what_people_wrote(
    audited: Audited, tmp_path: Path, cli: Cli
) -> None:
    world = audited.copied(tmp_path / "hostile")
    world.decided("hold", "qa", "1100", reason="<script>alert(1)</script>")
    file = tmp_path / "report.html"

    ran = cli("audit", "export", *DAY, "--format", "html", "--output", str(file), at=world.fleet.clone)

    assert ran.code == 0, ran.err
    page = _Page()
    page.feed(file.read_text("utf-8"))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.texts
    assert "promote v1.0.0-rc.1 → fleet/uat" in page.texts
    assert "@media print" in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "21.11.2026", "--to", "2026-11-21"), "'21.11.2026' is no date"),
        (("--from", "2026-02-30", "--to", "2026-11-21"), "'2026-02-30' is no date"),
        (("--from", "2026-11-22", "--to", "2026-11-21"), "is before --from"),
        ((*DAY, "--stage", "quality"), "the ledger has nothing of a stage quality"),
    ],
)
def test_a_period_that_is_none_is_refused(
    audit: Callable[..., Ran], words: tuple[str, ...], says: str
) -> None:
    ran = audit("export", *words)

    assert ran.code == 2
    assert says in ran.err
