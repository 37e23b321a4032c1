"""Which release a verb is about: the version rules' answer joined with what the ledger knows."""

from dataclasses import replace

import pytest

from release.core.blockers import Blocker
from release.core.models import AllAtOnce, Environment, Source, Stage
from release.core.records import Good, Holder, ReleaseRef, Running, StageHead
from release.core.selection import (
    Selection,
    deployed,
    known_tags,
    promotion,
    serves_already,
    stage_runs,
)
from release.core.tags import KnownTag, StageRuns, parse
from release.core.versions import Next

HERE = Source("pipelines/fleet.yaml", 1, "stages/3")
UAT = Stage(
    "uat",
    Environment("uat", "333333333333", ("us-east-1",), None),
    "button",
    "rc",
    "qa",
    (),
    {"us-east-1": AllAtOnce()},
    (),
    HERE,
)


def release(number: int, tag: str | None = None) -> ReleaseRef:
    return ReleaseRef(str(number) * 40, str(number) * 64, tag, tag and f"{number}" * 40)


def good(number: int, tag: str | None = None) -> Good:
    return Good(release(number, tag), "2026-11-21T12:00:00Z", "ada", f"record {number}")


ONE, TWO = good(1, "v1.0.0"), good(2, "v1.1.0")
HEAD = StageHead("fleet", "prod", serves=TWO, history=(ONE, TWO))
RUNNING = Running(
    "id", "promote", release(3, "v1.2.0"), "ada", "", "", Holder("laptop", 7, "1"), "2026-11-21T12:30:00Z"
)


def test_a_stage_that_never_succeeded_runs_nothing() -> None:
    assert stage_runs(StageHead("fleet", "prod"), "v") is None


def test_what_a_stage_runs_is_read_as_a_version() -> None:
    assert stage_runs(HEAD, "v") == StageRuns(
        tag="v1.1.0", version=parse("v1.1.0", "v"), commit="2" * 40, manifest="2" * 64
    )


@pytest.mark.parametrize("tag", [None, "nightly"])
def test_what_a_stage_runs_may_have_no_version(tag: str | None) -> None:
    runs = stage_runs(replace(HEAD, serves=good(2, tag)), "v")
    assert runs is not None
    assert runs.version is None


def test_the_ledger_knows_the_objects_of_tags_that_ran_or_run() -> None:
    heads = [replace(HEAD, running=RUNNING), StageHead("fleet", "dev", history=(good(5),))]
    assert known_tags(heads) == {
        "v1.0.0": KnownTag("1" * 40, "1" * 40),
        "v1.1.0": KnownTag("2" * 40, "2" * 40),
        "v1.2.0": KnownTag("3" * 40, "3" * 40),
    }


def answer(**more: object) -> Next:
    known: dict[str, object] = {
        "tag": "v1.1.0-rc.1",
        "version": None,
        "commit": "2" * 40,
        "existing": False,
        "reason": "",
    }
    return Next(**(known | more))  # type: ignore[arg-type]


SOURCE = StageRuns(tag="v1.1.0-qa.3", version=None, commit="2" * 40, manifest="2" * 64)


def test_a_promotion_takes_the_manifest_of_what_the_stage_before_runs() -> None:
    chosen = promotion(answer(), UAT, SOURCE, "because", {})
    assert chosen == Selection(
        verb="promote",
        commit="2" * 40,
        manifest="2" * 64,
        tag="v1.1.0-rc.1",
        mint=True,
        source="v1.1.0-qa.3",
        reason="because",
    )
    assert chosen.release == ReleaseRef("2" * 40, "2" * 64, "v1.1.0-rc.1", None)


def test_a_promotion_of_another_commit_has_its_manifest_still_to_be_found() -> None:
    chosen = promotion(answer(commit="9" * 40), UAT, SOURCE, None, {})
    assert (chosen.manifest, chosen.source) == (None, "qa")
    assert chosen.with_manifest("8" * 64).release.manifest == "8" * 64
    assert chosen.release.manifest == ""


@pytest.mark.parametrize("source", [None, replace(SOURCE, tag=None)])
def test_a_source_without_a_tag_is_called_by_its_stage(source: StageRuns | None) -> None:
    assert promotion(answer(), UAT, source, None, {}).source == "qa"


def test_a_tag_that_is_there_is_not_minted_again_and_keeps_its_object() -> None:
    chosen = promotion(answer(existing=True), UAT, SOURCE, None, {"v1.1.0-rc.1": "7" * 40})
    assert (chosen.mint, chosen.tag_object) == (False, "7" * 40)


def test_without_an_answer_nothing_is_minted() -> None:
    chosen = promotion(answer(tag=None, commit=None), UAT, None, None, {})
    assert (chosen.mint, chosen.tag, chosen.tag_object, chosen.commit) == (False, None, None, "")


def test_what_the_rules_say_stays_with_it() -> None:
    refused = Blocker("older", "it is older", "promote a newer one")
    chosen = promotion(answer(blockers=(refused,), warnings=("late",)), UAT, SOURCE, None, {})
    assert chosen.blockers == (refused,)
    assert chosen.warnings == ("late",)


def selection(good: Good) -> Selection:
    return Selection("promote", good.release.commit, good.release.manifest, good.release.tag)


def test_a_stage_serves_already_what_the_ledger_says_while_nobody_is_at_work() -> None:
    assert serves_already(HEAD, selection(TWO))
    assert not serves_already(HEAD, selection(ONE))
    assert not serves_already(HEAD, replace(selection(TWO), tag="v1.1.1"))
    assert not serves_already(HEAD, replace(selection(TWO), manifest="9" * 64))
    assert not serves_already(replace(HEAD, running=RUNNING), selection(TWO))
    assert not serves_already(replace(HEAD, stranded="record"), selection(TWO))
    assert not serves_already(StageHead("fleet", "prod"), selection(TWO))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("v1.0.0", ONE),
        ("2" * 40, TWO),
        ("1111111", ONE),
        ("111111", None),
        ("v9.9.9", None),
        ("", None),
    ],
)
def test_a_good_release_is_named_by_tag_or_by_seven_digits_of_its_commit(
    name: str, found: Good | None
) -> None:
    assert deployed(HEAD, name) == found
