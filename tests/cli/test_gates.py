"""Gates on real git and a real ledger, at a time and by people that the test chooses."""

from datetime import UTC, datetime, timedelta

import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.core import trailers
from release.core.eyes import NOBODY, Asker, Asking
from release.core.records import Event, Holder, ReleaseRef, promotion_id, stamp
from release.core.versions import Next
from release.promotion import Request, next_release, read_setup
from tests.cli.conftest import Cli
from tests.cli.worlds import FILES, Fleet

# qa has run what is newest since 09:50:04 (tests/cli/worlds.py)
RAN = datetime(2026, 11, 21, 9, 50, 4, tzinfo=UTC)
ADA = Asker(frozenset({"ada"}))
GRACE = Asker(frozenset({"grace"}))


def gated(fleet: Fleet, gates: str, stage: str = "uat") -> Fleet:
    """The fleet with gates before one of its stages."""
    lines = FILES["pipelines/fleet.yaml"].splitlines()
    text = "\n".join(
        line.replace(", rollout", f", gates: {{{gates}}}, rollout") if f"name: {stage}," in line else line
        for line in lines
    )
    fleet.commit("chore: gates", {"pipelines/fleet.yaml": f"{text}\n"})
    fleet.push()
    return fleet


def closed(
    fleet: Fleet,
    *,
    asker: Asker = NOBODY,
    now: datetime = RAN + timedelta(days=2),
    stage: str = "uat",
    **asked: str | bool,
) -> dict[str, str]:
    """What closes a stage to its next release: code -> message."""
    answer = answered(fleet, asker=asker, now=now, stage=stage, **asked)
    return {blocker.code: blocker.message for blocker in answer.blockers}


def answered(fleet: Fleet, *, asker: Asker, now: datetime, stage: str, **asked: str | bool) -> Next:
    repo = GitRepo.open(fleet.clone)
    setup = read_setup(repo, GitLedger(repo, SystemClock()), None, asking=Asking(lambda: asker, now))
    answer, _ = next_release(repo, setup, Request("promote", stage, **asked))  # type: ignore[arg-type]
    return answer


def seen(fleet: Fleet, asker: Asker) -> dict[str, list[tuple[str, str]]] | None:
    """What the gates of uat went by two days later, by gate. None: one is closed."""
    gates = answered(fleet, asker=asker, now=RAN + timedelta(days=2), stage="uat").gates
    if gates is None:
        return None
    return {one.gate: [(fact.what, fact.value) for fact in one.seen] for one in gates}


def newer_in_qa(
    fleet: Fleet,
    *,
    minted_by: tuple[str, str],
    ended_by: tuple[str, str | None],
    known: str | None = None,
) -> None:
    """dev and qa run one commit more; (actor, run) of who began its way into qa, and of who ended it."""
    commit = fleet.commit("feat: newer")
    fleet.push()
    fleet.ran("dev", commit, 5)
    stated = {"Release-Actor": minted_by[0], "Release-Run": minted_by[1]}
    fleet.tag("v1.0.0-qa.3", commit, message=trailers.format_message("v1.0.0-qa.3", stated))
    fleet.ran("qa", commit, 6, "v1.0.0-qa.3", actor=ended_by[0], run=ended_by[1], known=known)


# soak


def test_promotion_waits_until_the_soak_has_passed(fleet: Fleet) -> None:
    gated(fleet, "soak: 24h")
    early = closed(fleet, now=RAN + timedelta(hours=3))
    assert early == {
        "soak": "v1.0.0-qa.2 has run in qa for 3 h 00 min of 24h; the soak ends on Sun 2026-11-22 09:51 UTC"
    }
    assert closed(fleet, now=RAN + timedelta(hours=24)) == {}


def test_the_soak_begins_again_with_every_release(fleet: Fleet) -> None:
    gated(fleet, "soak: 1s")
    newer_in_qa(fleet, minted_by=("ada", "7.1"), ended_by=("ada", "7.1"))
    assert "v1.0.0-qa.3 has run in qa for 0 s of 1s" in closed(fleet, now=RAN + timedelta(seconds=2))["soak"]


# freeze


def test_a_freeze_closes_the_stage_in_its_window_alone(fleet: Fleet) -> None:
    gated(fleet, 'freeze: ["Fri 16:00 - Mon 08:00 America/New_York"]')
    message = closed(fleet, now=datetime(2026, 11, 21, 12, 0, tzinfo=UTC))["freeze"]
    assert "until Mon 2026-11-23 08:00 America/New_York, which is Mon 2026-11-23 13:00 UTC" in message
    assert closed(fleet, now=datetime(2026, 11, 23, 13, 0, tzinfo=UTC)) == {}


# four eyes


def test_whoever_started_it_in_the_stage_before_does_not_take_it_further(fleet: Fleet) -> None:
    gated(fleet, "four_eyes: true")
    newer_in_qa(fleet, minted_by=("ada", "7.1"), ended_by=("ada", "7.1"))
    assert "ada asks and has started it there" in closed(fleet, asker=ADA)["four-eyes"]
    assert closed(fleet, asker=GRACE) == {}
    assert closed(fleet, asker=Asker(ADA.logins, frozenset({"grace"}))) == {}


def test_a_rollout_that_changed_hands_was_started_by_both(fleet: Fleet) -> None:
    gated(fleet, "four_eyes: true")
    newer_in_qa(fleet, minted_by=("ada", "7.1"), ended_by=("grace", "8.1"))
    assert "four-eyes" in closed(fleet, asker=ADA)
    assert "four-eyes" in closed(fleet, asker=GRACE)
    assert closed(fleet, asker=Asker(frozenset({"bob"}))) == {}


def test_a_login_that_a_token_has_proven_on_a_laptop_counts(fleet: Fleet) -> None:
    gated(fleet, "four_eyes: true")
    newer_in_qa(fleet, minted_by=("ada", ""), ended_by=("ada", None), known="token")

    assert closed(fleet, asker=GRACE) == {}
    assert "ada asks and has started it there" in closed(fleet, asker=ADA)["four-eyes"]


def test_a_token_proves_nobody_else_who_has_tagged_the_release(fleet: Fleet) -> None:
    gated(fleet, "four_eyes: true")
    newer_in_qa(fleet, minted_by=("Grace Hopper", ""), ended_by=("ada", None), known="token")

    assert "'Grace Hopper', who is no login" in closed(fleet, asker=GRACE)["four-eyes"]


def test_what_came_from_a_laptop_has_no_eyes_that_count(fleet: Fleet) -> None:
    gated(fleet, "four_eyes: true")
    assert (
        "'Test Person', who is no login of the forge (there: qa)" in closed(fleet, asker=GRACE)["four-eyes"]
    )
    newer_in_qa(fleet, minted_by=("Ada Dev", ""), ended_by=("ada", "7.1"))
    assert "'Ada Dev', who is no login" in closed(fleet, asker=GRACE)["four-eyes"]


# order, lost commits


def test_order_asks_for_every_stage_that_stands_before(fleet: Fleet) -> None:
    """perf joined the pipeline, between dev and qa; what qa runs has never been there."""
    gated(fleet, "order: true")
    text = (fleet.clone / "pipelines/fleet.yaml").read_text()
    perf = "  - {name: perf, environment: dev, after: dev, rollout: all-at-once}\n"
    fleet.commit(
        "chore: perf", {"pipelines/fleet.yaml": text.replace("  - {name: qa", f"{perf}  - {{name: qa")}
    )
    fleet.push()

    assert closed(fleet)["order"] == "v1.0.0-qa.2 has not passed every stage before uat: not perf"


def test_order_lets_no_option_bring_in_what_is_older(fleet: Fleet) -> None:
    commit = fleet.git("rev-parse", "HEAD")
    fleet.tag("v1.1.0-rc.1", commit)
    fleet.ran("uat", commit, 5, "v1.1.0-rc.1")
    assert closed(fleet, allow_older=True) == {}

    gated(fleet, "order: true")

    assert "older than v1.1.0-rc.1, which uat runs" in closed(fleet, allow_older=True)["older"]


def test_no_option_loses_commits_where_the_gate_says_so(fleet: Fleet) -> None:
    elsewhere = fleet.git("commit-tree", "HEAD~1^{tree}", "-p", "HEAD~1", "-m", "fix: in a hurry")
    fleet.push(f"{elsewhere}:refs/heads/hotfix/now")
    fleet.tag("v1.0.0-qa.9", elsewhere)
    fleet.ran("qa", elsewhere, 7, "v1.0.0-qa.9")
    head = fleet.git("rev-parse", "HEAD")
    assert "lost-commits" not in closed(fleet, stage="qa", ref=head, allow_older=True)

    gated(fleet, "no_lost_commits: true", stage="qa")

    message = closed(fleet, stage="qa", ref=head, allow_older=True)["lost-commits"]
    assert "qa runs v1.0.0-qa.9, which is not in the history of" in message


# what was let in


def test_what_was_let_in_is_not_asked_again(fleet: Fleet) -> None:
    """So that the same command finishes what it began, whatever day it is by then."""
    gated(fleet, 'freeze: ["Fri 16:00 - Mon 08:00 UTC"]')
    saturday = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert "freeze" in closed(fleet, now=saturday)

    commit = fleet.git("rev-parse", "HEAD~1")
    fleet.tag(
        "v1.0.0-rc.1",
        commit,
        message=trailers.format_message("v1.0.0-rc.1", {"Release-Manifest": _manifest(fleet)}),
    )
    _begin(fleet, commit)
    assert closed(fleet, now=saturday) == {}


def _manifest(fleet: Fleet) -> str:
    good = GitLedger(GitRepo.open(fleet.clone), SystemClock()).read().head("fleet", "qa").serves
    assert good is not None
    return good.release.manifest


def _begin(fleet: Fleet, commit: str) -> None:
    """uat was killed on its way to v1.0.0-rc.1."""
    repo = GitRepo.open(fleet.clone)
    ledger = GitLedger(repo, SystemClock())
    tag = repo.remote().tags["v1.0.0-rc.1"]
    event = Event(
        kind="started",
        id=promotion_id(RAN, "fleet", "uat", "00000000"),
        at=stamp(RAN),
        pipeline="fleet",
        stage="uat",
        verb="promote",
        release=ReleaseRef(commit, _manifest(fleet), "v1.0.0-rc.1", tag.object),
        actor="ada",
        tool="lambda-release 0.1.0",
        fence=1,
        holder=Holder("elsewhere/boot", 4711, "1"),
        next_by=stamp(RAN),
    )
    ledger.append(ledger.read(), event)


# the command line


def test_what_the_gates_went_by_is_told_with_the_records_that_say_so(fleet: Fleet) -> None:
    gated(fleet, "soak: 24h, four_eyes: true, order: true, no_lost_commits: true")
    newer_in_qa(fleet, minted_by=("ada", "7.1"), ended_by=("ben", "7.2"))
    told = seen(fleet, Asker(frozenset({"grace"}), frozenset({"bob"})))
    assert told is not None
    heads = GitLedger(GitRepo.open(fleet.clone), SystemClock()).read()
    qa, dev = heads.head("fleet", "qa").serves, heads.head("fleet", "dev").serves
    assert qa is not None and dev is not None
    assert told == {
        "soak": [("stage", "qa"), ("since", qa.at), ("record", qa.record)],
        "four_eyes": [
            ("asked_by", "grace"),
            ("started_before_by", "ada"),
            ("started_before_by", "ben"),
            ("approved_by", "bob"),
        ],
        "order": [("passed dev", dev.record), ("passed qa", qa.record), ("not_older_than", "nothing")],
        "no_lost_commits": [("from", "nothing"), ("to", qa.release.commit)],
    }


def test_a_gate_that_is_closed_leaves_no_facts_of_the_others(fleet: Fleet) -> None:
    gated(fleet, "order: true, four_eyes: true")
    assert seen(fleet, NOBODY) is None


def test_a_stage_without_gates_went_by_nothing(fleet: Fleet) -> None:
    assert seen(fleet, NOBODY) == {}


def test_what_was_let_in_before_names_the_record_of_its_gates(fleet: Fleet) -> None:
    gated(fleet, "soak: 24h")
    commit = fleet.git("rev-parse", "HEAD~1")
    stated = {"Release-Manifest": _manifest(fleet)}
    fleet.tag("v1.0.0-rc.1", commit, message=trailers.format_message("v1.0.0-rc.1", stated))
    _begin(fleet, commit)
    running = GitLedger(GitRepo.open(fleet.clone), SystemClock()).read().head("fleet", "uat").running
    assert running is not None
    assert seen(fleet, NOBODY) == {"soak": [("let_in_before", running.record)]}


def test_what_went_back_in_some_regions_of_the_stage_before_goes_no_further(fleet: Fleet) -> None:
    older = GitLedger(GitRepo.open(fleet.clone), SystemClock()).read().head("fleet", "qa").history[0].release
    assert closed(fleet) == {}
    fleet.ran("qa", older.commit, 9, older.tag, back_in="us-east-1")
    assert closed(fleet) == {
        "taken-back": "v1.0.0-qa.2 was rolled back in us-east-1 of qa, to v1.0.0-qa.1",
    }


@pytest.mark.parametrize(("actor", "code"), [("ada", 3), ("grace", 0)])
def test_who_asks_is_read_from_the_workflow_run(
    actor: str, code: int, fleet: Fleet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated(fleet, "four_eyes: true")
    newer_in_qa(fleet, minted_by=("ada", "7.1"), ended_by=("ada", "7.1"))
    for name, value in {"ACTIONS": "true", "RUN_ID": "9", "ACTOR": actor}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)

    ran = cli("next", "uat", at=fleet.clone)

    assert ("four eyes are not proven" in ran.out) == (code == 3)


def test_next_says_which_gate_it_cannot_ask(fleet: Fleet, cli: Cli) -> None:
    gated(fleet, "alarms_clear: true")
    ran = cli("next", "uat", at=fleet.clone)
    assert "the gate alarms_clear of uat is asked when a promotion is planned" in ran.out


def test_offline_no_gate_is_asked_because_the_ledger_is_out_of_reach(fleet: Fleet, cli: Cli) -> None:
    gated(fleet, "four_eyes: true, signed_off: true")
    ran = cli("next", "uat", "--offline", at=fleet.clone)
    assert "four eyes" not in ran.out and "offline: only what this clone knows" in ran.out
