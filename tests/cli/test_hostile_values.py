"""What GitHub's forms hand on is data: recorded as it is, or refused with a reason, and never run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import commands
from tests.cli.conftest import SANDBOXED, Cli
from tests.cli.rows import ROWS
from tests.cli.worlds import Fleet, git

HARMLESS = {
    "quotes": """it's "fine" \\" '""",
    "a substitution": "$(touch pwned) `touch pwned` ${HOME}",
    "a second command": "; touch pwned && touch pwned | touch pwned",
    "an expression": "${{ github.token }} ${{ secrets.KEY }}",
    "a trailer": 'Release-Manifest: "0000" Release-Actor: "somebody"',
    "a comment": "# not a comment",
    "an option": "--force",
    "markup": "[bold]x[/bold] <script>alert(1)</script> | a | b |",
    "a template": "{{ 7 * 7 }} %(asctime)s %s {0} {stage}",
    "letters": "Größe, 価格, 🚀, ‏עברית",
    "the limit": "x" * 500,
}
REFUSED = {
    "nothing": "",
    "blanks": " \t ",
    "two lines": "first\n::stop-commands::x",
    "a carriage return": "first\rsecond",
    "a separator": "first\u2028second",
    "an escape": "\x1b[2J\x1b[1;1H",
    "a reversal": "abc\u202edef",
    "no text": "\udcff",
    "too much": "x" * 501,
    "far too much": "x" * 10_000,
    "an access key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "a token": "ghp_" + "a" * 36,
    "a password": "password=hunter22",
    "an address": "somebody@acme.example",
}
NAMES = [
    *(value for value in HARMLESS.values() if value != "--force"),
    "x" * 10_000,
    "qa\nfix: run this",
    "\x1b[2J",
    "../../etc/passwd",
    "--upload-pack=touch pwned",
    "-",
    "\udcff",
    "",
]

REASONED = [
    (*path, ROWS[path].stage)
    for path, command in commands()
    if any("--reason" in option.opts for option in command.params)
]


def no_surprise(fleet: Fleet, folder: Path) -> bool:
    """Nothing was run that was in a value."""
    places = (fleet.clone, fleet.folder, fleet.remote, folder, Path.cwd())
    return not any((place / "pwned").exists() for place in places)


@SANDBOXED
@pytest.mark.parametrize("reason", HARMLESS.values(), ids=HARMLESS)
def test_a_reason_is_planned_as_it_is(
    reason: str, fleet_in_a_folder: Fleet, account: Callable[[str], None], cli: Cli, tmp_path: Path
) -> None:
    account("333333333333")

    ran = cli("plan", "promote", "uat", f"--reason={reason}", "--json", at=fleet_in_a_folder.clone)

    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    assert document["request"]["reason"] == document["plan"]["reason"] == reason
    assert no_surprise(fleet_in_a_folder, tmp_path)


@SANDBOXED
def test_a_reason_is_recorded_as_it_is(
    fleet_in_a_folder: Fleet, account: Callable[[str], None], cli: Cli, tmp_path: Path
) -> None:
    fleet, reason = fleet_in_a_folder, " ".join(list(HARMLESS.values())[:-1])
    account("333333333333")

    ran = cli("promote", "uat", "--yes", f"--reason={reason}", at=fleet.clone)

    assert ran.code == 0, ran.err
    message = git(fleet.remote, "cat-file", "tag", "v1.0.0-rc.1")
    stated = [line for line in message.splitlines() if line.startswith("Release-Reason: ")]
    assert [json.loads(line.partition(": ")[2]) for line in stated] == [reason]
    shown = json.loads(cli("audit", "show", "v1.0.0-rc.1", "--json", at=fleet.clone).out)
    assert shown["trailers"]["Release-Reason"] == reason
    assert {event.get("reason") for event in shown["events"]} >= {reason}
    assert no_surprise(fleet, tmp_path)


@pytest.mark.parametrize("reason", REFUSED.values(), ids=REFUSED)
def test_a_reason_that_is_no_reason_is_refused_before_anything_is_read(
    reason: str, cli: Cli, tmp_path: Path
) -> None:
    for path in REASONED:
        ran = cli(*path, f"--reason={reason}", at=tmp_path / "no repository")

        assert ran.code == 2
        assert ran.lines("error:")[0].startswith("--reason: the reason ")
        assert len(ran.err.splitlines()) == 2
        assert not reason.strip() or reason.strip() not in ran.err  # a secret is not shown again


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:30])
@pytest.mark.parametrize(
    "words",
    [
        ("next", "qa", "--ref={}"),
        ("status", "--", "{}"),
        ("audit", "show", "--", "{}"),
        ("rollback", "qa", "--reason=x", "--to={}", "--yes"),
    ],
    ids=" ".join,
)
def test_a_name_that_is_none_is_answered_and_not_run(
    name: str, words: tuple[str, ...], untouched: Fleet, cli: Cli, tmp_path: Path
) -> None:
    ran = cli(*(word.replace("{}", name) for word in words), at=untouched.clone)

    assert ran.code in (2, 3), ran.err
    assert len(ran.lines("error:")) == 1 and len(ran.lines("fix:")) == 1
    assert "Traceback" not in ran.err and "\x1b" not in ran.err
    assert len(ran.err) < 5000
    assert no_surprise(untouched, tmp_path)
