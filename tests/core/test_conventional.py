"""What commit messages ask for."""

import pytest

from release.core.conventional import Asked, Bump, asked_for


@pytest.mark.parametrize(
    ("message", "bump"),
    [
        ("fix: rounding of prices", Bump.PATCH),
        ("chore(deps): update boto3", Bump.PATCH),
        ("feat: price bands", Bump.MINOR),
        ("Feat(prices): price bands", Bump.MINOR),
        ("feat!: drop v1 answers", Bump.MAJOR),
        ("refactor(api)!: drop v1 answers", Bump.MAJOR),
        ("fix: x\n\nBREAKING CHANGE: answers have no price", Bump.MAJOR),
        ("fix: x\n\nmore\n\nReviewed-by: Z\nBREAKING-CHANGE: gone", Bump.MAJOR),
        ("Merge pull request #1\n\nBREAKING CHANGE: gone", Bump.MAJOR),
    ],
)
def test_a_conventional_message_asks_for_its_bump_by_its_subject(message: str, bump: Bump) -> None:
    assert asked_for([message]) == Asked(bump, message.partition("\n")[0])


@pytest.mark.parametrize(
    "message",
    [
        "",
        "add price bands",
        "feature request: none of this",
        "feat:no space",
        "feat : a space too many",
        "feat(): empty scope",
        "Merge branch 'feat: x'",
        "fix\n\nfeat: in the body counts as text",
        "breaking change: lower case\n\nbreaking change: no",
        "x\n\nthis is no BREAKING CHANGE: really",
    ],
)
def test_what_is_not_conventional_asks_for_a_patch_and_nobody_asked(message: str) -> None:
    assert asked_for([message]) == Asked(Bump.PATCH, None)


def test_the_highest_of_all_wins_and_the_first_to_ask_for_it_is_named() -> None:
    messages = ["docs: a", "feat: b", "fix: c", "feat: d", "whatever"]

    assert asked_for(messages) == Asked(Bump.MINOR, "feat: b")
    assert asked_for([]) == Asked(Bump.PATCH, None)
