"""Two people, both known as logins of the forge; whatever is not known counts as not looked at."""

import pytest

from release.core.eyes import NOBODY, Asker, Starters, asker_by_token, asker_in, objection

RUN = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77", "GITHUB_ACTOR": "Ada"}


def asks(*logins: str, approved_by: tuple[str, ...] = ()) -> Asker:
    return Asker(frozenset(logins), frozenset(approved_by))


def started_by(*people: str) -> Starters:
    return Starters.named([(login, "7.1") for login in people])


def test_a_workflow_run_says_who_asks() -> None:
    assert asker_in(RUN) == asks("ada")
    assert asker_in(RUN | {"GITHUB_TRIGGERING_ACTOR": "Grace"}) == asks("ada", "grace")
    assert asker_in(RUN | {"RELEASE_APPROVER": "Grace, Bob,"}) == asks("ada", approved_by=("grace", "bob"))


@pytest.mark.parametrize("missing", ["GITHUB_ACTIONS", "GITHUB_RUN_ID"])
def test_outside_of_a_run_nobody_is_known_whatever_variables_say(missing: str) -> None:
    environment = RUN | {"RELEASE_APPROVER": "grace"}
    assert asker_in({name: value for name, value in environment.items() if name != missing}) == NOBODY


def test_a_token_of_a_person_says_who_asks_and_one_of_an_app_does_not() -> None:
    assert asker_by_token("Ada") == asks("ada")
    assert asker_by_token(None) == NOBODY


@pytest.mark.parametrize(
    ("asker", "starters"),
    [
        (asks("grace"), started_by("ada")),
        (asks("ada", approved_by=("grace",)), started_by("ada")),
        (asks("ada", approved_by=("ada", "grace")), started_by("ada")),
        (asks("ada", approved_by=("grace",)), started_by("release[bot]")),
        (asks("release[bot]", approved_by=("grace",)), started_by("ada")),
        (asks("ada", approved_by=("grace",)), Starters()),
    ],
)
def test_two_people_are_four_eyes(asker: Asker, starters: Starters) -> None:
    assert objection(asker, starters) is None


@pytest.mark.parametrize(
    ("asker", "starters", "why"),
    [
        (NOBODY, started_by("ada"), "who asks is not known"),
        (asks("ada"), started_by("ADA"), "ada asks and has started it there"),
        (asks("ada", approved_by=("ada",)), started_by("ada"), "nobody else has approved"),
        (
            asks("ada", approved_by=("grace",)),
            started_by("grace", "ada"),
            "ada asks and has started it there",
        ),
        (asks("grace", "ada"), started_by("ada"), "ada asks and has started it there"),  # a re-run
        (asks("ada"), started_by("release[bot]"), "no other person has started it there"),
        (asks("ada"), Starters(), "no other person has started it there"),
        (asks("release[bot]"), started_by("ada"), "which is no person"),
        (asks("ada", approved_by=("release[bot]",)), started_by("ada"), "nobody else has approved"),
        (asks("grace"), Starters.named([("Ada Dev", None)]), "'Ada Dev', who is no login"),
        (
            asks("ada", approved_by=("grace",)),
            Starters.named([("bob", "7.1"), ("Ada Dev", None)]),
            "'Ada Dev', who is no login",
        ),
    ],
)
def test_one_person_or_an_unknown_one_is_not(asker: Asker, starters: Starters, why: str) -> None:
    found = objection(asker, starters)
    assert found is not None
    assert why in found
