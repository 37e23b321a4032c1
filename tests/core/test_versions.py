"""Which tag a release gets next. History is a list of tags: `name@commit`, or `name@commit=manifest`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core.conventional import Bump
from release.core.tags import Facts, KnownTag, StageRuns, Tag, parse
from release.core.versions import Next, next_gold, next_qa, next_rc

M1, M2 = "1" * 64, "2" * 64
PATCH, MINOR, MAJOR = Bump


def facts(*written: str, prefix: str = "v", stage: str = "qa", **more: Any) -> Facts:
    tags, manifests = [], {}
    for text in written:
        name, _, place = text.partition("@")
        commit, _, manifest = place.partition("=")
        version = parse(name, prefix)
        assert version is not None, f"{name} is foreign: read_tags would have left it out"
        tags.append(Tag(name, version, f"object-of-{name}", commit))
        if manifest:
            manifests[name] = manifest
    return Facts(prefix=prefix, stage=stage, tags=tags, manifests=manifests, **more)


def qa(known: Facts, commit: str = "C", *, history: str = "ABC", **more: Any) -> Next:
    """`history` is every commit that the commit contains."""
    reachable = frozenset(tag.name for tag in known.tags if tag.commit in history)
    return next_qa(known, **{"commit": commit, "manifest": M1, "reachable": reachable, **more})


def codes(answer: Next) -> Sequence[str]:
    return [blocker.code for blocker in answer.blockers]


def running(tag: str | None, commit: str, manifest: str = M1) -> StageRuns:
    return StageRuns(tag, parse(tag, "v") if tag else None, commit, manifest)


@pytest.mark.parametrize(
    ("tags", "bump", "messages", "expected"),
    [
        # no gold yet: 1.0.0 whatever the bump
        ([], None, [], "v1.0.0-qa.1"),
        ([], MAJOR, ["feat!: x"], "v1.0.0-qa.1"),
        (["v1.0.0-qa.1@A"], MINOR, [], "v1.0.0-qa.2"),
        # the bump goes to gold, never to a pre-release
        (["v1.0.0@A"], PATCH, [], "v1.0.1-qa.1"),
        (["v1.0.0@A", "v1.1.0-qa.1@B"], MINOR, [], "v1.1.0-qa.2"),
        (["v1.2.3@A"], MAJOR, [], "v2.0.0-qa.1"),
        (["v0.9.0@A"], MAJOR, [], "v1.0.0-qa.1"),
        # the highest gold by number, not by text
        (["v1.9.0@A", "v1.10.0@B"], MINOR, [], "v1.11.0-qa.1"),
        # the counter is the highest anywhere + 1; holes stay
        (["v1.0.0-qa.1@A", "v1.0.0-qa.5@B"], None, [], "v1.0.0-qa.6"),
        (["v1.0.0-qa.9@A", "v1.0.0-qa.10@elsewhere"], None, [], "v1.0.0-qa.11"),
        (["v1.0.0-rc.7@A", "v1.0.0-qa.1@A"], None, [], "v1.0.0-qa.2"),
        # auto: what the messages since gold ask for …
        (["v1.0.0@A"], None, [], "v1.0.1-qa.1"),
        (["v1.0.0@A"], None, ["whatever", "fix: y"], "v1.0.1-qa.1"),
        (["v1.0.0@A"], None, ["fix: y", "feat: x"], "v1.1.0-qa.1"),
        (["v1.0.0@A"], None, ["fix: y\n\nBREAKING CHANGE: z"], "v2.0.0-qa.1"),
        # … or the open line, whichever is higher
        (["v1.0.0@A", "v1.1.0-qa.3@B"], None, ["fix: y"], "v1.1.0-qa.4"),
        (["v1.0.0@A", "v1.1.0-rc.1@B"], None, ["fix: y"], "v1.1.0-qa.1"),
        (["v1.0.0@A", "v1.0.1-qa.1@B"], None, ["feat: x"], "v1.1.0-qa.1"),
        # an open line that is out of reach, below the gold, or closed, does not count
        (["v1.0.0@A", "v2.0.0-qa.1@elsewhere"], None, [], "v1.0.1-qa.1"),
        (["v1.1.0@B", "v1.0.1-qa.1@A"], None, [], "v1.1.1-qa.1"),
        (["v1.0.0@A", "v1.0.0-qa.1@A", "v1.0.0-rc.1@A"], None, [], "v1.0.1-qa.1"),
        # a hotfix from an old gold, while a newer one is out of reach
        (["v1.0.0@A", "v1.1.0@elsewhere"], PATCH, [], "v1.0.1-qa.1"),
        # a tag that states no manifest is nobody's release
        (["v1.0.0-qa.1@C"], None, [], "v1.0.0-qa.2"),
    ],
)
def test_qa_takes_the_next_version(
    tags: list[str], bump: Bump | None, messages: list[str], expected: str
) -> None:
    answer = qa(facts(*tags), bump=bump, messages=messages)

    assert (answer.tag, answer.existing, answer.blockers) == (expected, False, ())
    assert answer.commit == "C"


@pytest.mark.parametrize(
    ("tags", "bump", "manifest", "expected", "existing"),
    [
        (["v1.0.0-qa.1@C=" + M1], None, M1, "v1.0.0-qa.1", True),
        (["v1.0.0-qa.1@C=" + M1, "v1.0.0-qa.2@C=" + M1], None, M1, "v1.0.0-qa.2", True),
        (["v1.0.0-qa.1@C=" + M1], None, None, "v1.0.0-qa.1", True),
        (["v1.0.0-qa.1@C=" + M1], None, M2, "v1.0.0-qa.2", False),
        (["v1.0.0-qa.1@B=" + M1], None, M1, "v1.0.0-qa.2", False),
        # a released commit has nothing to release, whatever bump is asked for
        (["v1.0.0-qa.1@C=" + M1, "v1.0.0@C=" + M1], None, M1, "v1.0.0-qa.1", True),
        (["v1.0.0-qa.1@C=" + M1, "v1.0.0@C=" + M1], MINOR, M1, "v1.0.0-qa.1", True),
        # an explicit bump away from an open line is obeyed
        (["v1.0.0@A", "v1.0.1-qa.1@C=" + M1], PATCH, M1, "v1.0.1-qa.1", True),
        (["v1.0.0@A", "v1.0.1-qa.1@C=" + M1], MINOR, M1, "v1.1.0-qa.1", False),
        (["v1.0.0@A", "v1.0.1-qa.1@C=" + M1], None, M1, "v1.0.1-qa.1", True),
        # a line whose gold went elsewhere leads nowhere
        (["v1.0.0@A", "v1.0.1-qa.1@C=" + M1, "v1.0.1@B"], None, M1, "v1.0.2-qa.1", False),
    ],
)
def test_the_same_commit_and_manifest_again_mints_nothing_new(
    tags: list[str], bump: Bump | None, manifest: str | None, expected: str, existing: bool
) -> None:
    answer = qa(facts(*tags), bump=bump, manifest=manifest)

    assert (answer.tag, answer.existing) == (expected, existing)


def test_new_forces_another_counter_for_the_same_bytes() -> None:
    known = facts("v1.0.0-qa.1@C=" + M1, new=True)

    assert (qa(known).tag, qa(known).existing) == ("v1.0.0-qa.2", False)


def test_a_line_whose_gold_is_out_of_reach_is_refused_naming_the_missing_merge() -> None:
    answer = qa(facts("v1.0.0@A", "v1.1.0@elsewhere"), bump=MINOR)

    assert codes(answer) == ["gold-exists-elsewhere"]
    assert "v1.1.0 exists on elsewhere" in answer.blockers[0].message
    assert "merge v1.1.0" in answer.blockers[0].fix


def test_the_first_line_is_refused_too_when_its_gold_is_out_of_reach() -> None:
    assert codes(qa(facts("v1.0.0@elsewhere"))) == ["gold-exists-elsewhere"]


def test_an_explicit_bump_below_an_open_line_is_obeyed_with_a_warning() -> None:
    answer = qa(facts("v1.0.0@A", "v1.1.0-qa.1@B"), bump=PATCH)

    assert (answer.tag, answer.blockers) == ("v1.0.1-qa.1", ())
    assert "below the open line 1.1.0 (v1.1.0-qa.1)" in answer.warnings[0]


def test_a_newer_gold_out_of_reach_is_mentioned_when_it_is_not_in_the_way() -> None:
    answer = qa(facts("v1.0.0@A", "v1.1.0@elsewhere"), bump=PATCH)

    assert [warning for warning in answer.warnings if "v1.1.0" in warning]


def test_counters_and_golds_of_deleted_tags_are_remembered_by_the_ledger() -> None:
    known = {"v1.0.0-qa.4": KnownTag("o", "A"), "v1.0.0": KnownTag("o", "B")}

    answer = qa(facts("v1.0.0-qa.1@A", known=known))

    assert answer.tag == "v1.0.0-qa.5"
    assert codes(answer) == ["moved-tag"]
    assert "v1.0.0 is gone from the remote" in answer.blockers[0].message


def test_a_moved_gold_stops_everything_that_is_counted_from_it() -> None:
    known = {"v1.0.0": KnownTag("object-of-v1.0.0", "B")}

    assert codes(qa(facts("v1.0.0@A", known=known))) == ["moved-tag"]


def test_qa_takes_only_what_the_stage_before_ran_with_success() -> None:
    known = facts(stage="qa", after="dev", source=running(None, "B"))

    assert codes(qa(known, "C")) == ["skipped-stage"]
    assert codes(qa(known, "B")) == []
    assert codes(qa(known, "C", proven=frozenset("C"))) == []
    assert codes(qa(replace(known, source=None), "C")) == ["skipped-stage"]


def test_qa_refuses_a_commit_that_no_release_branch_holds() -> None:
    assert codes(qa(facts(), branches=[])) == ["foreign-commit"]
    assert codes(qa(facts(), branches=["main"])) == []


def test_qa_refuses_a_quarantined_commit() -> None:
    assert codes(qa(facts(quarantined={"C": "smoke test failed in dev"}))) == ["quarantined"]


def test_qa_does_not_go_back_behind_what_it_runs_unless_told_to() -> None:
    known = facts("v1.0.0-qa.1@D", runs=running("v1.0.0-qa.1", "D"), keeps_running=False)

    assert codes(qa(known)) == ["lost-commits"]
    assert codes(qa(replace(known, allow_older=True))) == []


def test_a_hostile_counter_is_a_blocker_and_no_tag_that_nobody_can_read() -> None:
    assert codes(qa(facts("v1.0.0-qa.999999999@A"))) == ["number-too-large"]


UAT: dict[str, Any] = {"stage": "uat", "after": "qa", "source": running("v1.0.0-qa.3", "C")}
PROD: dict[str, Any] = {"stage": "prod", "after": "uat", "source": running("v1.0.0-rc.2", "C")}


def test_rc_takes_line_commit_and_manifest_of_what_qa_runs_not_of_the_highest_tag() -> None:
    answer = next_rc(facts("v1.0.0-qa.3@C", "v1.0.0-qa.9@D", "v1.1.0-qa.1@E", **UAT))

    assert (answer.tag, answer.commit, answer.existing, answer.blockers) == ("v1.0.0-rc.1", "C", False, ())


@pytest.mark.parametrize(
    ("tags", "expected", "existing"),
    [
        (["v1.0.0-rc.1@C=" + M1], "v1.0.0-rc.1", True),
        (["v1.0.0-rc.1@C=" + M2], "v1.0.0-rc.2", False),
        (["v1.0.0-rc.1@C"], "v1.0.0-rc.2", False),
        (["v1.0.0-rc.1@B=" + M1, "v1.0.0-rc.4@A=" + M1], "v1.0.0-rc.5", False),
        (["v1.0.0-rc.1@C=" + M1, "v1.0.0@C=" + M1], "v1.0.0-rc.1", True),
    ],
)
def test_rc_counts_past_the_highest_and_finishes_what_is_there(
    tags: list[str], expected: str, existing: bool
) -> None:
    answer = next_rc(facts("v1.0.0-qa.3@C=" + M1, *tags, **UAT))

    assert (answer.tag, answer.existing, answer.blockers) == (expected, existing, ())


def test_gold_strips_the_suffix_of_what_uat_runs() -> None:
    answer = next_gold(facts("v1.0.0-rc.2@C", "v1.0.0-rc.9@D", **PROD))

    assert (answer.tag, answer.commit, answer.existing, answer.blockers) == ("v1.0.0", "C", False, ())


def test_gold_that_is_there_on_this_commit_and_manifest_is_finished() -> None:
    answer = next_gold(facts("v1.0.0-rc.2@C", "v1.0.0@C=" + M1, **PROD))

    assert (answer.tag, answer.existing, answer.blockers) == ("v1.0.0", True, ())


@pytest.mark.parametrize(
    ("tags", "changes", "code", "said"),
    [
        (["v1.0.0@B=" + M1], {}, "gold-exists-elsewhere", "v1.0.0 exists on B"),
        (["v1.0.0@C=" + M2], {}, "gold-states-another", M2[:10]),
        (["v1.0.0@C"], {}, "gold-states-another", "no manifest"),
        (
            [],
            {"known": {"v1.0.0-rc.2": KnownTag("another", "C")}},
            "moved-tag",
            "v1.0.0-rc.2 is now object-of-",
        ),
        ([], {"known": {"v1.0.0": KnownTag("o", "C")}}, "moved-tag", "v1.0.0 is gone"),
        ([], {"source": None}, "skipped-stage", "nothing has come through uat: it has run nothing"),
        ([], {"source": running(None, "C")}, "skipped-stage", "it runs C"),
        ([], {"quarantined": {"v1.0.0-rc.2": "bad prices"}}, "quarantined", "bad prices"),
        ([], {"quarantined": {"C": "bad prices"}}, "quarantined", "bad prices"),
        ([], {"runs": running("v1.1.0", "A")}, "older", "v1.0.0 is older than v1.1.0, which prod runs"),
        (
            [],
            {"runs": running("v0.9.0", "H"), "keeps_running": False},
            "lost-commits",
            "prod runs v0.9.0 (H), which is not in the history of C",
        ),
        ([], {"source": running("v1.0.0-rc.1", "C")}, "moved-tag", "v1.0.0-rc.1 is gone from the remote"),
    ],
)
def test_gold_is_refused_each_time_with_its_own_message(
    tags: list[str], changes: dict[str, Any], code: str, said: str
) -> None:
    answer = next_gold(facts("v1.0.0-rc.2@C=" + M1, *tags, **{**PROD, **changes}))

    assert codes(answer) == [code]
    assert said in answer.blockers[0].message
    assert answer.blockers[0].fix


def test_rc_is_refused_when_its_line_has_gold_on_another_commit() -> None:
    answer = next_rc(facts("v1.0.0-qa.3@C", "v1.0.0@B", **UAT))

    assert codes(answer) == ["gold-exists-elsewhere"]


@pytest.mark.parametrize("rule", [next_rc, next_gold])
def test_a_commit_that_did_not_come_through_the_stage_before_is_refused(rule: Any) -> None:
    at = UAT if rule is next_rc else PROD

    assert codes(rule(facts("v1.0.0-qa.3@C", "v1.0.0-rc.2@C", **at), commit="D")) == ["skipped-stage"]
    assert codes(rule(facts("v1.0.0-qa.3@C", "v1.0.0-rc.2@C", **at), commit="C")) == []


def test_a_gold_cannot_become_a_candidate_again() -> None:
    answer = next_rc(facts("v1.0.0@C", **{**UAT, "source": running("v1.0.0", "C")}))

    assert (answer.tag, codes(answer)) == (None, ["skipped-stage"])


def test_allow_older_permits_an_older_version_but_never_lost_commits() -> None:
    known = facts("v1.0.0-rc.2@C", runs=running("v1.1.0", "A"), keeps_running=False, **PROD)

    assert codes(next_gold(known)) == ["older", "lost-commits"]
    assert codes(next_gold(replace(known, allow_older=True))) == ["lost-commits"]


def test_another_pipeline_has_its_own_prefix() -> None:
    answer = qa(facts("payments/v1.0.0@A", prefix="payments/v"), bump=MINOR)

    assert answer.tag == "payments/v1.1.0-qa.1"


NAMES = st.builds(
    "v{}.{}.{}{}".format,
    *[st.integers(0, 2)] * 3,
    st.sampled_from(["", "-qa.1", "-qa.2", "-qa.7", "-rc.1", "-rc.3"]),
)
TAGS = st.dictionaries(NAMES, st.sampled_from("ABCXY"), max_size=12)


@given(tags=TAGS, bump=st.sampled_from([None, *Bump]), messages=st.lists(st.sampled_from(["feat: x", "y"])))
def test_a_new_qa_tag_is_free_above_every_gold_in_reach_and_refused_on_a_closed_line(
    tags: dict[str, str], bump: Bump | None, messages: list[str]
) -> None:
    answer = qa(facts(*(f"{name}@{commit}" for name, commit in tags.items())), bump=bump, messages=messages)

    assert answer.tag not in tags
    assert answer.version is not None
    golds = [parse(name, "v") for name, commit in tags.items() if "-" not in name and commit in "ABC"]
    assert all(answer.version.line > gold.line for gold in golds if gold)
    closed = f"v{answer.version.line}" in tags
    assert closed == ("gold-exists-elsewhere" in codes(answer))
