"""What a clone is found to be, both ways for each check."""

from dataclasses import replace
from typing import Any

import pytest

from release.core.doctor.clone import CloneFacts, Program, RemoteFacts, clone_findings
from release.core.doctor.findings import CHECKS, Finding, Trouble, exit_code, in_order, no, ok, unknown
from release.errors import ExitCode

LOST = Trouble("the remote cannot be reached", "look at the network")
TAGS = {"v1.0.0": "a" * 40, "v1.0.0-qa.1": "b" * 40}
HEALTHY = CloneFacts(
    git="git version 2.39.5 (Apple Git-154)",
    shallow=False,
    remote=RemoteFacts({"main": "c" * 40}, TAGS, TAGS),
    ledger=3,
    configuration="1 pipeline",
    prefixes=("v",),
    workflows=(),
    render="release workflows render",
    programs=(Program("uv", "uv 0.13.1", ("orders",), "pip install uv"),),
)


def found(**changed: Any) -> dict[str, Finding]:
    return {one.check.id: one for one in clone_findings(replace(HEALTHY, **changed))}


def not_ok(**changed: Any) -> dict[str, str]:
    return {name: one.state for name, one in found(**changed).items() if one.state != "ok"}


def remote(**changed: Any) -> RemoteFacts:
    assert isinstance(HEALTHY.remote, RemoteFacts)
    return replace(HEALTHY.remote, **changed)


def test_a_clone_in_order_is_green_in_every_check() -> None:
    assert {name: one.state for name, one in found().items()} == dict.fromkeys(
        [name for name, check in CHECKS.items() if check.group == "This clone"], "ok"
    )
    assert not any(one.fix for one in found().values())


@pytest.mark.parametrize(
    ("check", "changed", "fix"),
    [
        ("git", {"git": "git version 2.32.9"}, "install git 2.33 or newer"),
        ("git", {"git": "git version 1.99.0"}, "install git 2.33 or newer"),
        ("git", {"git": None}, "put it on PATH"),
        ("whole-clone", {"shallow": True}, "git fetch --unshallow --tags"),
        ("remote", {"remote": remote(branches={})}, "git push -u origin HEAD:main"),
        ("tags", {"remote": remote(here=TAGS | {"v1.0.0": "d" * 40})}, "refs/tags/v1.0.0:refs/tags/v1.0.0"),
        ("tags", {"remote": remote(here=TAGS | {"v1.0.1": "d" * 40})}, "git tag -d v1.0.1"),
        ("ledger", {"ledger": None}, "refs/heads/release-ledger"),
        ("ledger", {"ledger": replace(LOST, is_no=True)}, "look at the network"),
        ("configuration", {"configuration": replace(LOST, is_no=True)}, "look at the network"),
        ("workflows", {"workflows": ("a.yml", "b.yml")}, "release workflows render"),
        ("programs", {"programs": (Program("uv", None, ("orders",), "pip install uv"),)}, "pip install uv"),
        ("programs", {"programs": (Program("node", "v18.20.1", ("ui",), "newer"),)}, "newer"),
    ],
)
def test_what_is_wrong_says_no_in_its_own_check_with_the_way_out(
    check: str, changed: dict[str, Any], fix: str
) -> None:
    assert not_ok(**changed) == {check: "no"}
    assert fix in found(**changed)[check].fix


@pytest.mark.parametrize(
    ("changed", "checks"),
    [
        ({"shallow": LOST}, {"whole-clone"}),
        ({"remote": LOST}, {"remote", "tags"}),
        ({"ledger": LOST}, {"ledger"}),
        ({"configuration": LOST}, {"configuration"}),
        ({"configuration": LOST, "prefixes": ()}, {"configuration", "tags"}),
        ({"workflows": LOST}, {"workflows"}),
    ],
)
def test_what_could_not_be_asked_is_unknown_and_no_more_than_that(
    changed: dict[str, Any], checks: set[str]
) -> None:
    assert not_ok(**changed) == dict.fromkeys(checks, "unknown")
    assert all(found(**changed)[check].fix for check in checks)


def test_the_oldest_git_and_node_that_do_are_let_in() -> None:
    assert not_ok(git="git version 2.33.0") == {}
    assert not_ok(programs=(Program("node", "v20.0.0", ("ui",), "newer"),)) == {}
    assert not_ok(programs=(Program("npm", "8.1.0", ("ui",), "newer"),)) == {}


def test_tags_that_are_of_no_release_are_named_and_no_fault() -> None:
    odd = TAGS | dict.fromkeys(("v1.0", "v01.2.3", "v1.2.3-beta.1", "nightly", "verified"), "e" * 40)
    here = TAGS | {"mine": "f" * 40, "v9": "f" * 40}

    finding = found(remote=remote(tags=odd, here=here))["tags"]

    assert finding.state == "ok"
    assert "3 look like releases and are none: v01.2.3, v1.0, v1.2.3-beta.1" in finding.says


def test_a_moved_tag_is_said_before_one_that_is_here_alone() -> None:
    here = TAGS | {"v1.0.0": "d" * 40, "v1.0.1": "d" * 40}

    assert "v1.0.0:" in found(remote=remote(here=here))["tags"].says


def test_many_names_are_cut() -> None:
    here = TAGS | {f"v2.0.{number}": "d" * 40 for number in range(9)}

    assert "v2.0.4 and 4 more" in found(remote=remote(here=here))["tags"].says


@pytest.mark.parametrize("nothing", [LOST, remote(tags={}, here={})])
def test_before_the_first_release_there_need_be_no_ledger(nothing: Any) -> None:
    assert found(remote=nothing, ledger=None)["ledger"].state == "ok"


def test_the_exit_code_says_the_worst_that_is_known_for_sure() -> None:
    good, bad, dark = ok("git", "x"), no("remote", "x", "y"), unknown("tags", "x", "y")

    assert exit_code([good]) == ExitCode.DONE
    assert exit_code([good, dark]) == ExitCode.TRY_AGAIN
    assert exit_code([good, dark, bad]) == ExitCode.CLOSED
    assert [one.check.id for one in in_order([dark, bad, good])] == ["git", "remote", "tags"]
