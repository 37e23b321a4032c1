"""Where a change is, as its pull request is told; and who has approved a run."""

from release.core.forge.approvals import approvers
from release.core.forge.comments import (
    MARKER,
    MOST_LOOKUPS,
    MOST_PULLS,
    Change,
    CreateComment,
    StageRow,
    UpdateComment,
    changes,
    comment_body,
    comment_step,
    rows_of,
)
from release.core.forge.facts import Approval, CommentFacts
from release.core.forge.names import run_url
from release.core.records import Good, ReleaseRef

HERE = "https://github.com/acme/fleet"
GOOD = Good(ReleaseRef("c" * 40, "a" * 64, "v1.0.0-qa.1"), "2026-11-21T10:10:30Z", "ana", "path")
DEV = Good(ReleaseRef("c" * 40, "a" * 64), "2026-11-21T09:10:30Z", "an@a", "path")


def comment(id: int, body: str, *, author: str = "ana", by_app: bool = False) -> CommentFacts:
    return CommentFacts(id, author, by_app, body)


def test_pull_requests_are_found_in_subjects_with_the_newest_commit_of_each() -> None:
    found = changes(
        [
            ("3", "Merge pull request #7 from acme/topic"),
            ("2", "fix: prices (#12)"),
            ("1", "feat: prices (#12)"),
            ("0", "no pull request at all, only #9"),
        ]
    )

    assert found.named == (Change(7, "3"), Change(12, "2"))
    assert (found.unnamed, found.left_out) == (("0",), 0)


def test_more_than_can_be_asked_about_are_counted() -> None:
    named = [(f"n{number}", f"feat: it (#{number + 1})") for number in range(MOST_PULLS + 2)]
    unnamed = [(f"u{number}", "fix") for number in range(MOST_LOOKUPS + 3)]

    found = changes(named + unnamed)

    assert (len(found.named), len(found.unnamed), found.left_out) == (MOST_PULLS, MOST_LOOKUPS, 5)


def test_every_stage_has_a_row_with_the_release_that_brought_the_change() -> None:
    stages = [("dev", {"c1": DEV}), ("qa", {"c1": GOOD}), ("prod", {"c2": GOOD})]

    body = comment_body(rows_of(stages, "c1"), HERE)

    assert body.splitlines()[0] == MARKER
    assert body.splitlines()[-3:] == [
        f"| dev | [{'c' * 10}]({HERE}/commit/{'c' * 40}) | 2026-11-21 09:10 UTC | an@\u200ba |",
        f"| qa | [v1.0.0-qa.1]({HERE}/tree/v1.0.0-qa.1) | 2026-11-21 10:10 UTC | ana |",
        "| prod | - | | |",
    ]


BODY = comment_body([StageRow("dev", DEV)], HERE)


def test_the_first_comment_is_created_and_the_next_brings_it_up_to_date() -> None:
    assert comment_step(12, BODY, [comment(1, "LGTM")], "ana") == CreateComment(12, BODY)
    old = comment(5, MARKER + "\nold", author="github-actions[bot]", by_app=True)
    assert comment_step(12, BODY, [comment(1, "LGTM"), old], None) == UpdateComment(12, 5, BODY)
    assert comment_step(12, BODY, [comment(5, MARKER + "\nold")], "ana") == UpdateComment(12, 5, BODY)


def test_a_comment_that_says_so_already_is_left_as_it_is() -> None:
    same = BODY.rstrip("\n").replace("\n", "\r\n")

    assert comment_step(12, BODY, [comment(5, same, by_app=True)], None) is None


def test_a_comment_that_another_person_has_made_to_look_like_ours_is_not_taken() -> None:
    forged = comment(5, MARKER + "\neverything is in prod", author="mallory")

    assert comment_step(12, BODY, [forged], None) == CreateComment(12, BODY)
    assert comment_step(12, BODY, [forged], "ana") == CreateComment(12, BODY)


def test_of_two_comments_the_first_is_kept_up_to_date() -> None:
    two = [comment(9, MARKER, by_app=True), comment(5, MARKER, by_app=True)]

    assert comment_step(12, BODY, two, None) == UpdateComment(12, 5, BODY)


# -- approvals


def test_only_who_has_approved_this_gate_counts_and_each_once() -> None:
    given = [
        Approval("grace", "approved", ("prod-approval", "other")),
        Approval("ben", "approved", ("prod-approval",)),
        Approval("grace", "approved", ("prod-approval",)),
        Approval("mallory", "approved", ("qa-approval",)),
        Approval("linus", "rejected", ("prod-approval",)),
        Approval("alan", "pending", ("prod-approval",)),
    ]

    assert approvers(given, "prod-approval") == ("ben", "grace")
    assert approvers(given, "prod") == ()


def test_a_run_that_is_none_has_no_page() -> None:
    assert run_url(HERE, "77.2") == f"{HERE}/actions/runs/77/attempts/2"
    assert [run_url(HERE, run) for run in (None, "", "77", "x.1", "7.1) [a](b")] == [""] * 5
