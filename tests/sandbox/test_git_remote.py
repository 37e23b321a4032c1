"""A bare remote for the tool, defined through the environment alone."""

import os
import subprocess
from pathlib import Path

import pytest

from release.errors import Misconfigured
from release.sandbox.session import Sandbox


def git(*arguments: str, at: Path, **additions: str) -> str:
    return subprocess.run(
        ["git", "-C", str(at), *arguments],
        env={**os.environ, **additions},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree on the branch `topic` with one commit and the stray tag `stray`."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=topic", str(tmp_path)], check=True)
    (tmp_path / "README").write_text("orders\n")
    git("add", "README", at=tmp_path)
    git("commit", "--quiet", "-m", "Add orders", at=tmp_path)
    git("tag", "-a", "-m", "stray", "stray", at=tmp_path)
    git("config", "push.followTags", "true", at=tmp_path)
    return tmp_path


def test_a_new_remote_is_empty_and_its_head_is_main(sandbox: Sandbox) -> None:
    remote = sandbox.remote()

    assert git("rev-parse", "--is-bare-repository", at=remote) == "true"
    assert git("symbolic-ref", "HEAD", at=remote) == "refs/heads/main"
    assert git("for-each-ref", at=remote) == ""
    assert remote.is_relative_to(sandbox.root) and remote != sandbox.remote()


def test_the_head_of_the_seed_becomes_main_and_nothing_else_comes_along(sandbox: Sandbox, tree: Path) -> None:
    remote = sandbox.remote(tree)

    refs = git("for-each-ref", "--format=%(refname) %(objectname)", at=remote)
    assert refs == f"refs/heads/main {git('rev-parse', 'HEAD', at=tree)}"


def test_a_seed_that_is_no_repository_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"git .* failed"):
        sandbox.remote(tmp_path)


def test_git_knows_the_remote_through_the_environment_beside_what_it_held(
    sandbox: Sandbox, tree: Path
) -> None:
    remote = sandbox.remote(tree)
    base = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Somebody",
    }
    additions = {**base, **sandbox.git_environment(remote, base)}

    assert additions["RELEASE_REMOTE"] == "sandbox"
    assert git("config", "user.name", at=tree, **additions) == "Somebody"
    git("fetch", "--quiet", "sandbox", at=tree, **additions)
    head = git("rev-parse", "HEAD", at=tree)
    assert git("rev-parse", "refs/remotes/sandbox/main", at=tree) == head
    assert git("remote", at=tree) == ""
