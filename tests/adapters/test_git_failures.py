"""What git, ssh and forges are known to say, and what it means for the person who reads it."""

import time
from pathlib import Path

import pytest

from release.adapters.git.command import Commands
from release.adapters.git.failures import failure, redacted
from release.errors import Misconfigured, Unavailable

GITHUB_SSH = """\
ERROR: Repository not found.
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists."""


@pytest.mark.parametrize(
    ("err", "telling"),
    [
        (GITHUB_SSH, "ERROR: Repository not found."),
        (
            "git@g.example: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "git@g.example: Permission denied (publickey).",
        ),
        (
            "remote: Permission to o/r.git denied to someone.\n"
            "fatal: unable to access 'https://g.example/o/r/': The requested URL returned error: 403",
            "remote: Permission to o/r.git denied to someone.",
        ),
        (
            "fatal: could not read Username for 'https://g.example': terminal prompts disabled",
            "fatal: could not read Username for 'https://g.example': terminal prompts disabled",
        ),
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "Host key verification failed.",
        ),
        ("warning: x\nfatal: bad object 123\nmore", "fatal: bad object 123"),
        ("", "git said nothing"),
    ],
)
def test_what_a_person_must_mend_is_told_by_the_line_that_says_it(err: str, telling: str) -> None:
    error = failure("it failed", err)

    assert isinstance(error, Misconfigured)
    assert error.cause == f"it failed: {telling}"


@pytest.mark.parametrize(
    "err",
    [
        "error: unknown option `no-write-fetch-head'\nusage: git fetch [<options>]\n    -v, --verbose",
        "fatal: unrecognized argument: --no-commit-header",
    ],
)
def test_a_git_that_is_too_old_is_told_as_such(err: str) -> None:
    error = failure("the remote origin cannot be read", err)

    assert isinstance(error, Misconfigured)
    assert error.fix == "this git is too old: install git 2.33 or newer"
    assert "no-" in error.cause


@pytest.mark.parametrize(
    "err",
    [
        "ssh: Could not resolve hostname g.example: Name or service not known\nfatal: Could not read",
        "fatal: unable to access 'https://g.example/': Failed to connect to g.example port 443",
        "fatal: unable to access 'https://g.example/': The requested URL returned error: 503",
        "ssh: connect to host g.example port 22: Connection timed out",
        "fatal: the remote end hung up unexpectedly",
        "error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec transferred",
        "fatal: could not fetch 1111 from promisor remote",
        "fatal: Unable to create '/x/.git/shallow.lock': File exists.\n\nAnother git process",
        "timed out after 120 seconds",
    ],
)
def test_what_may_pass_by_itself_is_worth_another_try(err: str) -> None:
    assert isinstance(failure("it failed", err), Unavailable)


def test_a_repository_of_another_owner_comes_with_gits_own_way_out() -> None:
    error = failure("it failed", "fatal: detected dubious ownership in repository at '/x/y'\nTo add")

    assert error.fix.endswith("git config --global --add safe.directory '/x/y'")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("access 'https://me:s3cr@et@g.example/o/r.git'", "access 'https://***@g.example/o/r.git'"),
        ("https://x-access-token:ghs_1@g.example:443/o", "https://***@g.example:443/o"),
        ("https://ghp_1@g.example/", "https://***@g.example/"),
        ("https://g.example/o?access_token=s3cret&x=1", "https://g.example/o?access_token=***&x=1"),
        ("AUTHORIZATION: basic eDpzM2NyZXQ=", "AUTHORIZATION: ***"),
        ("ssh://git@g.example/o/r and mail@x", "ssh://***@g.example/o/r and mail@x"),
        ("git@g.example:o/r.git", "git@g.example:o/r.git"),
    ],
)
def test_secrets_are_not_shown(said: str, shown: str) -> None:
    assert redacted(said) == shown


def test_a_remote_that_never_answers_ends_in_an_error_that_is_worth_another_try(tmp_path: Path) -> None:
    started = time.monotonic()

    answer = Commands(tmp_path).run(["sleep", "60"], timeout=1)

    assert time.monotonic() - started < 10
    assert answer.status < 0
    assert isinstance(failure("the remote cannot be read", answer.err), Unavailable)
