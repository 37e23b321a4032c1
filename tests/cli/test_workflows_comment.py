"""`release workflows comment`, over real HTTP against the forge of the sandbox."""

from collections.abc import Callable
from pathlib import Path

import pytest

from release.sandbox.session import Sandbox
from tests.cli.conftest import SANDBOXED, Cli, Ran, _somebody
from tests.cli.record_worlds import Recorded

pytestmark = SANDBOXED
Comment = Callable[..., Ran]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with _somebody():
        return Recorded.begun(tmp_path_factory.mktemp("commented") / "fleet")


@pytest.fixture
def world(made: Recorded, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    world = made.copy(tmp_path / "fleet").at(sandbox)
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    head = world.fleet.git("rev-parse", "HEAD")
    world.sandbox.forge.add_pull(world.name, "prices", [head], number=7)
    return world


@pytest.fixture
def comment(cli: Cli, world: Recorded, tmp_path: Path) -> Comment:
    def run(text: str, *words: str, marker: str = "infra", pull: str = "7") -> Ran:
        file = tmp_path / "said.md"
        file.write_text(text)
        named = ("--pull", pull, "--marker", marker, "--file", str(file))
        return cli("workflows", "comment", *named, *words, at=world.fleet.clone)

    return run


def test_a_pull_request_has_one_comment_which_is_brought_up_to_date(
    comment: Comment, world: Recorded
) -> None:
    assert comment("one stack differs\n").code == 0
    assert comment("two stacks differ\n").code == 0

    (body,) = world.comments(7)
    assert body.startswith("<!-- lambda-release: infra -->\n") and "two stacks differ" in body
    assert world.sandbox.forge.violations(world.name) == []


def test_what_it_says_already_is_not_written_again(comment: Comment, world: Recorded) -> None:
    comment("one stack differs\n")

    assert "nothing to say in #7" in comment("one stack differs\n").out
    assert len(world.comments(7)) == 1


def test_two_names_have_two_comments(comment: Comment, world: Recorded) -> None:
    comment("stacks")
    comment("checks", marker="checks")

    assert len(world.comments(7)) == 2


def test_only_update_makes_none_and_mends_one_that_is_there(comment: Comment, world: Recorded) -> None:
    assert comment("no stack differs", "--only-update").code == 0
    assert world.comments(7) == []

    comment("one stack differs")
    comment("no stack differs", "--only-update")
    (body,) = world.comments(7)
    assert "no stack differs" in body


def test_somebody_elses_comment_with_our_marker_is_left_alone(
    comment: Comment, world: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in world.sandbox.forge.environment(world.name, login="mallory").items():
        monkeypatch.setenv(name, value)
    comment("all is well")
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)

    comment("one stack differs")

    assert [("all is well" in body, "one stack differs" in body) for body in world.comments(7)] == [
        (True, False), (False, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"pull": "99"}, "no pull request 99"),
        ({"marker": "-->"}, "is no name"),
        ({"marker": "in\nfra"}, "is no name"),
    ],
)
def test_words_that_make_no_sense_write_nothing(
    words: dict[str, str], says: str, comment: Comment, world: Recorded
) -> None:
    ran = comment("text", **words)

    assert ran.code == 2 and says in ran.err and world.comments(7) == []


def test_a_comment_that_github_would_refuse_is_refused_before(comment: Comment, world: Recorded) -> None:
    ran = comment("x" * 65_001)

    assert ran.code == 2 and "65,001 characters" in ran.err
