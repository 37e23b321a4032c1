"""Which rules of GitHub hold for a ref, and whom CODEOWNERS asks."""

import pytest

from release.core.doctor.rules import covering, evaded, owned, unowned
from release.core.forge.facts import RulesetFacts


def ruleset(
    *include: str,
    exclude: tuple[str, ...] = (),
    target: str = "tag",
    enforcement: str = "active",
    bypasses: int = 0,
) -> RulesetFacts:
    return RulesetFacts(1, "r", target, enforcement, include, exclude, ("update",), bypasses)


@pytest.mark.parametrize(
    ("pattern", "ref", "holds"),
    [
        ("refs/tags/v*", "refs/tags/v1.2.3", True),
        ("refs/tags/v*", "refs/tags/payments/v1.2.3", False),
        ("refs/tags/*", "refs/tags/payments/v1.2.3", False),
        ("refs/tags/**/*", "refs/tags/payments/v1.2.3", True),
        ("refs/tags/**/*", "refs/tags/v1.2.3", True),
        ("refs/tags/**", "refs/tags/payments/v1.2.3", False),
        ("refs/tags/v?.2.3", "refs/tags/v1.2.3", True),
        ("refs/tags/v[0-9].*", "refs/tags/v1.2.3", True),
        ("refs/tags/v[!0-9].*", "refs/tags/v1.2.3", False),
        ("refs/tags/v[9-0].*", "refs/tags/v1.2.3", False),
        ("refs/tags/v1.2.3", "refs/tags/v1x2.3", False),
        ("~ALL", "refs/tags/v1.2.3", True),
        ("~DEFAULT_BRANCH", "refs/tags/main", False),
    ],
)
def test_patterns_of_refs_mean_what_fnmatch_says(pattern: str, ref: str, holds: bool) -> None:
    assert bool(covering([ruleset(pattern)], ref, "main")) == holds


def test_the_default_branch_goes_by_its_other_name() -> None:
    by_name = ruleset("~DEFAULT_BRANCH", target="branch")

    assert covering([by_name], "refs/heads/main", "main") == [by_name]
    assert covering([by_name], "refs/heads/other", "main") == []


@pytest.mark.parametrize(
    "none",
    [
        ruleset("~ALL", target="branch"),
        ruleset("~ALL", enforcement="evaluate"),
        ruleset("~ALL", enforcement="disabled"),
        ruleset("~ALL", exclude=("refs/tags/v1*",)),
        ruleset(),
    ],
)
def test_what_is_not_in_force_for_a_ref_protects_nothing(none: RulesetFacts) -> None:
    assert covering([none], "refs/tags/v1.2.3", "main") == []


def test_one_ruleset_that_nobody_may_bypass_is_enough() -> None:
    assert evaded([ruleset("~ALL", bypasses=1)], "update")
    assert not evaded([ruleset("~ALL", bypasses=1), ruleset("~ALL")], "update")
    assert not evaded([ruleset("~ALL", bypasses=1)], "deletion")


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("/pipelines/ @acme/owners", True),
        ("pipelines/ @acme/owners", True),
        ("/pipelines/** @acme/owners", True),
        ("/pipelines @acme/owners", True),
        ("* @acme/everybody", True),
        ("/** @acme/everybody", True),
        ("/pipelines/* @acme/owners", False),  # not what lies in folders below
        ("/pipelines/fleet.yaml @acme/owners", False),
        ("/pipeline/ @acme/owners", False),
        ("*.yaml @acme/owners", False),
        ("# /pipelines/ @acme/owners", False),
        ("* @acme/everybody\n/pipelines/", False),  # the last line that matches wins, and names nobody
        ("/pipelines/\n* @acme/everybody", True),
        ("", False),
    ],
)
def test_a_folder_is_owned_where_all_of_it_is(text: str, has: bool) -> None:
    assert owned(text, "pipelines/") == has
    assert unowned(text, ["pipelines/"]) == ([] if has else ["pipelines/"])


def test_without_the_file_nothing_is_owned() -> None:
    assert unowned(None, ["pipelines/", ".github/"]) == ["pipelines/", ".github/"]
