"""What people decide by hold, unhold, quarantine, clear, accept and reject, and what follows, on real git."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.apply.work import Who
from release.core.decisions import Deciding
from release.core.records import Event, Holder, StageHead
from release.core.tags import read_tags
from release.decide import decide
from release.errors import Conflict, GateClosed
from release.ports import RefUpdate
from tests.adapters.notices import webhook
from tests.cli.conftest import Cli
from tests.cli.worlds import FILES, Fleet

WHY = ("--reason", "because", "--yes")
WHO = Who("grace", None, "lambda-release 0.1.0")
GATED = FILES["pipelines/fleet.yaml"].replace("after: qa,", "after: qa, gates: {signed_off: true},")


def ledger_of(fleet: Fleet) -> GitLedger:
    return GitLedger(GitRepo.open(fleet.clone), SystemClock())


def head(fleet: Fleet, stage: str) -> StageHead:
    return ledger_of(fleet).read().head("fleet", stage)


def decided(cli: Cli, fleet: Fleet, *words: str) -> dict[str, Any]:
    ran = cli(*words, *WHY, "--json", at=fleet.clone)
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def blockers(cli: Cli, fleet: Fleet, stage: str) -> dict[str, str]:
    """What stands in the way of the next release of a stage: code -> message."""
    ran = cli("next", stage, "--json", at=fleet.clone)
    assert ran.code == 0, ran.err
    return {blocker["code"]: blocker["message"] for blocker in json.loads(ran.out)["blockers"]}


# hold and unhold


def test_a_held_stage_takes_nothing_and_says_why_who_and_since_when(fleet: Fleet, cli: Cli) -> None:
    written = decided(cli, fleet, "hold", "uat")
    assert (written["decision"], written["stage"], written["outcome"]) == ("hold", "uat", "written")

    held = head(fleet, "uat").held
    assert held is not None
    assert (held.actor, held.why, held.record) == ("Test Person", "because", written["record"])
    said = f"uat is held since {held.at} by Test Person: because"
    assert blockers(cli, fleet, "uat") == {"held": said}
    refused = cli("promote", "uat", "--yes", at=fleet.clone)
    assert (refused.code, said in refused.err) == (3, True)
    assert refused.lines("fix:") == ["when the reason is gone: release unhold uat --reason TEXT"]
    assert blockers(cli, fleet, "qa") == {}  # the others go on


@pytest.mark.parametrize("words", [("deploy", "dev", "--yes"), ("plan", "promote", "uat")])
def test_deployments_and_plans_are_refused_as_well(words: tuple[str, ...], fleet: Fleet, cli: Cli) -> None:
    stage = "dev" if "dev" in words else "uat"
    decided(cli, fleet, "hold", stage)

    refused = cli(*words, at=fleet.clone)

    assert refused.code == 3
    assert f"{stage} is held since" in refused.out + refused.err


def test_unhold_opens_it_again(fleet: Fleet, cli: Cli) -> None:
    decided(cli, fleet, "hold", "uat")
    decided(cli, fleet, "unhold", "uat")

    assert head(fleet, "uat").held is None
    assert blockers(cli, fleet, "uat") == {}


@pytest.mark.parametrize(("first", "again"), [("hold", "uat is held since"), ("unhold", "uat is not held")])
def test_what_is_so_already_is_nothing_to_do(first: str, again: str, fleet: Fleet, cli: Cli) -> None:
    if first == "hold":
        decided(cli, fleet, "hold", "uat")
    before = fleet.git("ls-remote", "origin")

    answer = decided(cli, fleet, first, "uat")

    assert (answer["outcome"], answer["record"]) == ("nothing", None)
    assert again in answer["why"]
    assert fleet.git("ls-remote", "origin") == before


def starting(fleet: Fleet, ledger: GitLedger) -> tuple[Any, Event, RefUpdate]:
    """A promotion to uat that was planned: the state it rests on, its first event, its tag."""
    state = ledger.read()
    good = state.head("fleet", "qa").serves
    assert good is not None
    repo = GitRepo.open(fleet.clone)
    tag = repo.write_tag(name="v1.0.0-rc.1", commit=good.release.commit, message="v1.0.0-rc.1\n")
    event = Event(
        kind="started",
        id="20261121T120000Z-fleet-uat-00000000",
        at="2026-11-21T12:00:00Z",
        pipeline="fleet",
        stage="uat",
        verb="promote",
        release=replace(good.release, tag="v1.0.0-rc.1", tag_object=tag),
        actor="ada",
        tool="lambda-release 0.1.0",
        fence=state.head("fleet", "uat").fence + 1,
        holder=Holder("laptop/boot", 7, "1"),
        next_by="2026-11-21T12:30:00Z",
    )
    return state, event, RefUpdate("refs/tags/v1.0.0-rc.1", tag)


def test_a_hold_that_comes_between_plan_and_start_wins(fleet: Fleet, cli: Cli) -> None:
    ledger = ledger_of(fleet)
    state, event, tag = starting(fleet, ledger)
    decided(cli, fleet, "hold", "uat")

    with pytest.raises(GateClosed, match=r"uat is held since .* by Test Person: because"):
        ledger.append(state, event, tag=tag, unchanged=["qa"])
    assert "v1.0.0-rc.1" not in fleet.git("ls-remote", "origin")
    assert head(fleet, "uat").running is None


@pytest.mark.parametrize("words", [("quarantine", "v1.0.0-qa.2"), ("reject", "qa")])
def test_a_verdict_on_the_source_that_comes_between_plan_and_start_wins(
    words: tuple[str, ...], fleet: Fleet, cli: Cli
) -> None:
    ledger = ledger_of(fleet)
    state, event, tag = starting(fleet, ledger)
    decided(cli, fleet, *words)

    with pytest.raises(Conflict, match="qa, where the release comes from, has moved on"):
        ledger.append(state, event, tag=tag, unchanged=["qa"])


def test_a_hold_is_written_on_top_of_a_promotion_that_began_meanwhile(fleet: Fleet) -> None:
    ledger = ledger_of(fleet)
    state, event, tag = starting(fleet, ledger)
    ledger.append(state, event, tag=tag)

    late = Deciding("hold", state.head("fleet", "uat"), None)
    written = decide(ledger, state, late, "an audit", who=WHO, clock=SystemClock())

    now = head(fleet, "uat")
    assert written is not None and now.held is not None and now.running is not None
    assert (now.held.why, now.running.id) == ("an audit", event.id)


# quarantine and clear


def test_a_release_that_a_person_has_quarantined_enters_no_later_stage(fleet: Fleet, cli: Cli) -> None:
    decided(cli, fleet, "quarantine", "v1.0.0-qa.2")

    message = blockers(cli, fleet, "uat")["quarantined"]
    assert message == "v1.0.0-qa.2 is quarantined: because (in qa, by Test Person)"


def test_nor_is_it_tried_again_in_its_own(fleet: Fleet, cli: Cli) -> None:
    decided(cli, fleet, "quarantine", "v1.0.0-qa.2")
    assert "quarantined" in blockers(cli, fleet, "qa")


def test_a_stage_further_on_is_closed_as_well(fleet: Fleet, cli: Cli) -> None:
    """uat runs it already when somebody finds in dev that it is bad."""
    commit = fleet.git("rev-parse", "HEAD")
    fleet.tag("v1.0.0-rc.1", commit)
    fleet.ran("uat", commit, 5, "v1.0.0-rc.1")
    more = GATED.replace(" gates: {signed_off: true},", "")
    more += "  - {name: prod, environment: uat, channel: gold, after: uat, rollout: all-at-once}\n"
    fleet.commit("chore: prod", {"pipelines/fleet.yaml": more})
    fleet.push()
    assert blockers(cli, fleet, "prod") == {}

    answer = decided(cli, fleet, "quarantine", commit[:10])

    assert (answer["stage"], answer["commit"]) == ("dev", commit)
    assert "because (in dev, by Test Person)" in blockers(cli, fleet, "prod")["quarantined"]


def test_clear_lifts_it_by_the_same_name(fleet: Fleet, cli: Cli) -> None:
    decided(cli, fleet, "quarantine", "v1.0.0-qa.2")

    other = cli("clear", fleet.git("rev-parse", "HEAD"), *WHY, at=fleet.clone)
    assert (other.code, head(fleet, "qa").quarantined) == (0, ())
    assert blockers(cli, fleet, "uat") == {}


def test_a_quarantine_by_another_name_is_pointed_out(fleet: Fleet, cli: Cli) -> None:
    commit = fleet.git("rev-parse", "HEAD")
    decided(cli, fleet, "quarantine", commit)

    refused = cli("clear", "v1.0.0-qa.2", *WHY, at=fleet.clone)

    assert refused.code == 3
    assert f"its commit is, as {commit[:10]} in dev" in refused.err


def test_an_unknown_release_is_a_slip_and_no_decision(fleet: Fleet, cli: Cli) -> None:
    for verb in ("quarantine", "clear"):
        refused = cli(verb, "v7.0.0", *WHY, at=fleet.clone)
        assert (refused.code, len(refused.lines("error:"))) == (2, 1), refused.err


def test_a_tag_that_only_the_remote_knows_can_be_kept_out(fleet: Fleet, cli: Cli) -> None:
    fleet.tag("v1.0.0-rc.7")
    answer = decided(cli, fleet, "quarantine", "v1.0.0-rc.7")
    assert (answer["stage"], answer["commit"]) == ("uat", fleet.git("rev-parse", "HEAD"))
    names = {tag.name for tag in read_tags([("v1.0.0-rc.7", "", "")], "v")}
    assert {item.tag for item in head(fleet, "uat").quarantined} == names


# accept and reject


@pytest.fixture
def gated(fleet: Fleet) -> Fleet:
    """uat asks for a sign-off in qa."""
    fleet.commit("chore: gates", {"pipelines/fleet.yaml": GATED})
    fleet.push()
    return fleet


def test_the_gate_signed_off_opens_when_exactly_this_release_is_accepted(gated: Fleet, cli: Cli) -> None:
    assert blockers(cli, gated, "uat") == {"not-signed-off": "nobody has accepted v1.0.0-qa.2 in qa"}

    answer = decided(cli, gated, "accept", "qa")

    assert answer["tag"] == "v1.0.0-qa.2"
    assert blockers(cli, gated, "uat") == {}


def test_an_acceptance_of_the_release_before_opens_nothing(gated: Fleet, cli: Cli) -> None:
    decided(cli, gated, "accept", "qa")
    commit = gated.commit("feat: newer")
    gated.push()
    gated.ran("dev", commit, 5)
    gated.tag("v1.0.0-qa.3", commit)
    gated.ran("qa", commit, 6, "v1.0.0-qa.3")

    assert "not-signed-off" in blockers(cli, gated, "uat")


def test_reject_quarantines_what_the_stage_runs_and_takes_an_acceptance_back(gated: Fleet, cli: Cli) -> None:
    decided(cli, gated, "accept", "qa")
    decided(cli, gated, "reject", "qa")

    assert set(blockers(cli, gated, "uat")) == {"quarantined", "not-signed-off"}
    refused = cli("accept", "qa", *WHY, at=gated.clone)
    assert (refused.code, "is quarantined" in refused.err) == (3, True)


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_where_nothing_runs_there_is_nothing_to_judge(verb: str, fleet: Fleet, cli: Cli) -> None:
    refused = cli(verb, "uat", *WHY, at=fleet.clone)
    assert (refused.code, "uat runs nothing yet" in refused.err) == (3, True)


def test_a_verdict_is_not_written_about_what_came_meanwhile(fleet: Fleet) -> None:
    ledger = ledger_of(fleet)
    state = ledger.read()
    seen = state.head("fleet", "qa")
    assert seen.serves is not None
    commit = fleet.commit("feat: newer")
    fleet.push()
    fleet.tag("v1.0.0-qa.3", commit)
    fleet.ran("qa", commit, 6, "v1.0.0-qa.3")

    with pytest.raises(GateClosed, match=r"qa serves v1.0.0-qa.3 by now, and this is about v1.0.0-qa.2"):
        decide(
            ledger, state, Deciding("accept", seen, seen.serves.release), "good", who=WHO, clock=SystemClock()
        )


# what people see


def test_it_is_shown_before_it_is_asked_and_nothing_happens_without_a_yes(fleet: Fleet, cli: Cli) -> None:
    before = fleet.git("ls-remote", "origin")

    ran = cli("reject", "qa", "--reason", "wrong prices", at=fleet.clone)

    assert (ran.code, fleet.git("ls-remote", "origin")) == (2, before)  # there is no terminal to ask on
    assert ran.out.splitlines()[:4] == [
        "reject v1.0.0-qa.2 in qa",
        "  now     nothing decided",
        "  next    quarantined: v1.0.0-qa.2 enters no stage any more",
        "  reason  wrong prices",
    ]
    assert "release rollback qa --reason TEXT" in ran.out


@pytest.mark.parametrize("reason", ["", "token=abcdefgh", "x" * 501])
def test_a_reason_is_needed_and_holds_no_secret(reason: str, fleet: Fleet, cli: Cli) -> None:
    ran = cli("hold", "qa", "--reason", reason, "--yes", at=fleet.clone)
    assert (ran.code, head(fleet, "qa").held) == (2, None)


def test_status_and_log_show_what_was_decided(
    fleet: Fleet, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for words in (("hold", "uat"), ("accept", "qa"), ("quarantine", "v1.0.0-qa.1")):
        decided(cli, fleet, *words)

    shown = cli("status", at=fleet.clone).out
    assert "uat: held since" in shown and "by Test Person: because" in shown
    assert "qa: accepted" in shown
    assert "qa: quarantined v1.0.0-qa.1: because (by Test Person)" in shown
    data = {stage["stage"]: stage for stage in json.loads(cli("status", "--json", at=fleet.clone).out)}
    assert (data["uat"]["held"]["why"], data["qa"]["accepted"]["by"]) == ("because", "Test Person")
    assert data["qa"]["quarantined"][0]["by"] == "Test Person"

    log = cli("audit", "log", "-n", "3", at=fleet.clone).out
    for line in ("hold        -", "held: because", "accept      v1.0.0-qa.2  accepted: because"):
        assert line in log, log
    one = cli("audit", "show", "v1.0.0-qa.1", at=fleet.clone).out
    assert "quarantine in qa: quarantined by Test Person" in one and "reason: because" in one


# who is told


def test_whoever_wants_to_know_is_told_of_a_hold_once_and_of_no_unhold(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = FILES["pipelines/environments.yaml"] + "notifications: [{webhook: RELEASE_WEBHOOK}]\n"
    fleet = Fleet.with_files(tmp_path / "told", FILES | {"pipelines/environments.yaml": environments})
    with webhook("/hook") as server:
        monkeypatch.setenv("RELEASE_WEBHOOK", server.url)
        decided(cli, fleet, "hold", "uat")
        decided(cli, fleet, "hold", "uat")
        decided(cli, fleet, "unhold", "uat")
    assert [(sent["title"], sent["facts"]["reason"]) for _, sent in server.asked] == [
        ("uat is held", "because")
    ]


def test_that_nobody_can_be_told_of_a_hold_leaves_it_written(tmp_path: Path, cli: Cli) -> None:
    environments = FILES["pipelines/environments.yaml"] + "notifications: [{slack: NOT_SET}]\n"
    fleet = Fleet.with_files(tmp_path / "told", FILES | {"pipelines/environments.yaml": environments})
    ran = cli("hold", "uat", *WHY, at=fleet.clone)
    assert ran.code == 0 and head(fleet, "uat").held is not None
    assert "untold: slack (NOT_SET): NOT_SET is empty or not set" in ran.err
