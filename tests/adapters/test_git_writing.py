"""Objects are written without touching refs, index or work tree; a push is all or nothing, one winner."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from release.adapters.git import GitRepo
from release.core import trailers
from release.errors import Conflict, Misconfigured, Unavailable
from release.ports import RefUpdate
from tests.adapters.git_worlds import World, git


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


def hook(world: World, name: str, script: str) -> None:
    path = world.remote / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def tag_and_ledger(repo: GitRepo, nonce: str, *, name: str = "v1.0.0-qa.1") -> list[RefUpdate]:
    """What a promotion pushes: the tag, and a commit on top of the ledger as it is now."""
    refs = repo.remote()
    head = refs.branches.get("release-ledger")
    if head:
        repo.ensure([head])
    tag = repo.write_tag(name=name, commit=refs.branches["main"], message=f"{name}\n\n{nonce}\n")
    commit = repo.write_commit(
        base=head, files={f"{nonce}.json": b"{}"}, parents=[head] if head else [], message=nonce
    )
    return [RefUpdate("refs/heads/release-ledger", commit), RefUpdate(f"refs/tags/{name}", tag)]


def test_a_commit_holds_its_base_with_the_files_put_in(world: World) -> None:
    base = world.commit("base", {"kept": "1", "2026/01/old.json": "{}", "changed": "1"})
    (world.clone / "untracked").write_text("x")
    (world.clone / "kept").write_text("work in progress")
    world.git("add", "kept")
    before, status = world.refs(), world.git("status", "--porcelain")
    repo = world.repo()

    made = repo.write_commit(
        base=base,
        files={"2026/02/new ü\n.json": b"\0\xff\r\n", "changed": b"2"},
        parents=[base],
        message="# a subject\n\nä\n",
    )

    entries = {entry.path: entry.blob for entry in repo.tree(made)}
    assert set(entries) == {"kept", "changed", "2026/01/old.json", "2026/02/new ü\n.json"}
    assert repo.blobs(entries.values())[entries["2026/02/new ü\n.json"]] == b"\0\xff\r\n"
    assert world.git("show", f"{made}:kept") == "1"
    assert git(world.clone, "log", "-1", "--format=%an <%ae> %cn <%ce> %P %B", made) == (
        f"release <> release <> {base} # a subject\n\nä"
    )
    assert (world.refs(), world.git("status", "--porcelain")) == (before, status)
    world.git("fsck", "--strict", "--no-dangling")


def test_the_first_commit_of_a_branch_has_no_parent(world: World) -> None:
    repo = world.repo()

    made = repo.write_commit(base=None, files={"a/b": b"1"}, parents=[], message="start\n")

    assert [entry.path for entry in repo.tree(made)] == ["a/b"]
    assert world.git("rev-list", made) == made


@pytest.mark.parametrize("path", ["../x", "/x", ".git/config", "a//b", "./x"])
def test_a_path_that_git_would_not_check_out_is_refused(world: World, path: str) -> None:
    base = world.commit("base", {"kept": "1"})

    with pytest.raises(Misconfigured):
        world.repo().write_commit(base=base, files={path: b"1"}, parents=[base], message="m")


def test_a_users_index_settings_leave_no_trace(world: World) -> None:
    base = world.commit("base", {"a/b": "1", "c": "1"})
    for name, value in {
        "core.splitIndex": "true",
        "core.fsmonitor": "true",
        "core.sparseCheckout": "true",
        "core.untrackedCache": "true",
        "core.autocrlf": "true",
        "index.sparse": "true",
        "user.useConfigOnly": "true",
        "commit.gpgSign": "true",
    }.items():
        world.git("config", name, value)
    (world.clone / ".git/info").mkdir(exist_ok=True)
    (world.clone / ".git/info/sparse-checkout").write_text("/c\n")
    listed = sorted(path.name for path in (world.clone / ".git").iterdir())
    repo = world.repo()

    made = repo.write_commit(base=base, files={"d": b"1\r\n"}, parents=[base], message="m")

    assert [entry.path for entry in repo.tree(made)] == ["a/b", "c", "d"]
    (blob,) = [entry.blob for entry in repo.tree(made, "d")]
    assert repo.blobs([blob])[blob] == b"1\r\n"
    assert sorted(path.name for path in (world.clone / ".git").iterdir()) == listed


def test_a_tag_keeps_its_message_verbatim_and_writes_no_ref(world: World) -> None:
    message = trailers.format_message(
        "v1.0.0-qa.1: main to qa",
        {"Release-Reason": "x\nRelease-Manifest: y", "Release-Manifest": "ab" * 32},
        "# this line stays\n\n  so do ü and spaces  ",
    )
    commit, before = world.git("rev-parse", "HEAD"), world.refs()
    repo = world.repo()

    tag = repo.write_tag(name="v1.0.0-qa.1", commit=commit, message=message)

    assert repo.tag_message(tag) == message
    assert trailers.parse(repo.tag_message(tag))["Release-Manifest"] == "ab" * 32
    header = world.git("cat-file", "tag", tag).split("\n\n")[0].splitlines()
    assert header[:3] == [f"object {commit}", "type commit", "tag v1.0.0-qa.1"]
    assert header[3].startswith("tagger release <> ")
    assert world.refs() == before
    world.git("fsck", "--strict", "--no-dangling")


def test_a_tag_of_nothing_or_with_a_name_that_git_refuses_is_an_error(world: World) -> None:
    repo = world.repo()
    with pytest.raises(Misconfigured, match="does not accept the tag v1"):
        repo.write_tag(name="v1", commit="1" * 40, message="m")
    with pytest.raises(Misconfigured, match="does not accept"):
        repo.write_tag(name="a..b", commit=world.git("rev-parse", "HEAD"), message="m")


def verifies(world: World, tag: str) -> bool:
    world.git("update-ref", "refs/tags/signed", tag)
    done = subprocess.run(["git", "-C", str(world.clone), "verify-tag", "signed"], capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("named", ["by a path", "literally", "by a command"])
def test_a_tag_is_signed_with_ssh_when_git_is_configured_for_it(
    world: World, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "a key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    (tmp_path / "allowed").write_text(f"someone {public}\n")
    world.git("config", "tag.gpgSign", "true")
    world.git("config", "gpg.format", "ssh")
    world.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "allowed"))
    agent = None
    if named == "by a path":
        world.git("config", "user.signingKey", str(key))
    else:
        agent = start_agent(monkeypatch, tmp_path, key)
        if named == "literally":
            world.git("config", "user.signingKey", f"key::{public}")
        else:
            world.git("config", "gpg.ssh.defaultKeyCommand", f"echo 'key::{public}'")
    try:
        repo = world.repo()
        tag = repo.write_tag(name="v1.0.0", commit=world.git("rev-parse", "HEAD"), message="# m\n\nx\n")
    finally:
        if agent:
            agent.terminate()
            agent.wait()

    assert verifies(world, tag)
    assert repo.tag_message(tag) == "# m\n\nx\n"


def start_agent(monkeypatch: pytest.MonkeyPatch, folder: Path, key: Path) -> "subprocess.Popen[bytes]":
    socket = folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    agent.stdout.readline()
    agent.stdout.close()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    subprocess.run(["ssh-add", "-q", str(key)], check=True)
    return agent


def test_a_tag_is_signed_with_gpg_when_git_is_configured_for_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    person = "Test Person <test.person@example.invalid>"
    subprocess.run(
        ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", person, "ed25519", "sign"],
        check=True,
        capture_output=True,
    )
    world.git("config", "tag.forceSignAnnotated", "true")
    try:
        repo = world.repo()
        tag = repo.write_tag(name="v1.0.0", commit=world.git("rev-parse", "HEAD"), message="m\n")
        assert verifies(world, tag)
        assert repo.tag_message(tag) == "m\n"
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=True)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gpg.format": "ssh"}, "no key is named"),
        ({"gpg.format": "ssh", "user.signingKey": "/nonexistent"}, "could not be signed by ssh-keygen"),
        ({"gpg.program": "false"}, "could not be signed by false"),
        ({"gpg.program": "/nonexistent"}, "cannot be started"),
        ({"gpg.format": "rot13"}, "rot13"),
    ],
)
def test_a_tag_that_cannot_be_signed_is_not_made_unsigned(
    world: World, settings: dict[str, str], said: str
) -> None:
    for name, value in {"tag.gpgSign": "true", **settings}.items():
        world.git("config", name, value)

    with pytest.raises(Misconfigured, match=said):
        world.repo().write_tag(name="v1.0.0", commit=world.git("rev-parse", "HEAD"), message="m\n")


def test_a_push_writes_exactly_its_refs_whatever_the_user_configured(world: World) -> None:
    world.git("config", "push.followTags", "true")
    world.git("config", "push.gpgSign", "true")
    world.git("config", "push.recurseSubmodules", "on-demand")
    world.git("config", "push.pushOption", "ci.skip")
    world.git("config", "remote.origin.mirror", "true")
    world.git("config", "remote.origin.push", "refs/heads/*:refs/heads/*")
    world.git("tag", "-a", "-m", "stray", "stray")
    (world.clone / ".git/hooks").mkdir(exist_ok=True)
    pre_push = world.clone / ".git/hooks/pre-push"
    pre_push.write_text("#!/bin/sh\nexit 1\n")
    pre_push.chmod(0o755)
    repo = world.repo()
    first = tag_and_ledger(repo, "one")

    repo.push(first)
    second = tag_and_ledger(repo, "two", name="v1.0.0-qa.2")
    repo.push(second)

    refs = repo.remote()
    assert refs.branches == {
        "main": world.git("rev-parse", "HEAD"),
        "release-ledger": second[0].new,
    }
    assert {tag.name: tag.object for tag in refs.tags.values()} == {
        "v1.0.0-qa.1": first[1].new,
        "v1.0.0-qa.2": second[1].new,
    }


def test_a_tag_that_exists_is_a_conflict_and_the_ledger_stays(world: World) -> None:
    repo = world.repo()
    repo.push(tag_and_ledger(repo, "one"))
    before = repo.remote()

    with pytest.raises(Conflict, match=r"refused refs/tags/v1.0.0-qa.1: .*already exists"):
        repo.push(tag_and_ledger(repo, "two"))

    assert repo.remote() == before


def test_a_ledger_that_moved_is_a_conflict_and_no_tag_is_left(world: World) -> None:
    repo = world.repo()
    late = tag_and_ledger(repo, "late", name="v1.0.0-qa.2")
    other = GitRepo.open(world.another_clone("other"))
    other.push(tag_and_ledger(other, "early"))
    before = repo.remote()

    with pytest.raises(Conflict, match=r"refs/heads/release-ledger.*fetch first"):
        repo.push(late)
    repo.ensure([before.branches["release-ledger"]])
    with pytest.raises(Conflict, match=r"refs/heads/release-ledger.*non-fast-forward"):
        repo.push(late)

    assert repo.remote() == before


def test_what_is_there_already_is_no_win(world: World) -> None:
    repo = world.repo()
    updates = tag_and_ledger(repo, "one")
    repo.push(updates)

    with pytest.raises(Conflict, match="on the remote already"):
        repo.push(updates)
    with pytest.raises(Conflict, match="on the remote already"):
        repo.push(updates[1:])


def test_a_remote_that_says_no_is_a_matter_of_configuration(world: World) -> None:
    hook(
        world,
        "update",
        'case "$1" in refs/tags/*) echo "GH013: Repository rule violations, '
        'see https://github.example/o/r/rules?ref=x" >&2; exit 1;; esac',
    )
    repo = world.repo()

    with pytest.raises(Misconfigured, match=r"refused refs/tags/v1.0.0-qa.1: .*hook declined") as caught:
        repo.push(tag_and_ledger(repo, "one"))

    assert "refs/tags/v1.0.0-qa.1 in the remote's ruleset" in caught.value.fix
    assert "https://github.example/o/r/rules?ref=x" in caught.value.fix
    assert any("GH013" in line for line in caught.value.details)
    assert repo.remote().tags == {}
    assert list(repo.remote().branches) == ["main"]


def test_a_tag_whose_name_another_ref_blocks_names_what_to_do(world: World) -> None:
    world.git("tag", "payments")
    world.push("refs/tags/payments")
    repo = world.repo()

    with pytest.raises(Misconfigured, match=r"payments/v1.0.0.*exists") as caught:
        repo.push(tag_and_ledger(repo, "one", name="payments/v1.0.0"))

    assert "in the way" in caught.value.fix
    assert list(repo.remote().branches) == ["main"]


def test_a_connection_that_breaks_after_sending_leaves_the_outcome_unknown(world: World) -> None:
    hook(world, "reference-transaction", '[ "$1" != committed ] || kill -9 $PPID')
    repo = world.repo()
    updates = tag_and_ledger(repo, "one")

    with pytest.raises(Unavailable, match="whether it arrived is unknown"):
        repo.push(updates)

    assert repo.remote().tags["v1.0.0-qa.1"].object == updates[1].new  # this time it did


@pytest.mark.parametrize("gone", ["moved away", "refused"])
def test_a_push_to_a_remote_out_of_reach_is_unavailable_and_known_not_to_have_arrived(
    world: World, gone: str
) -> None:
    repo = world.repo()
    updates = tag_and_ledger(repo, "one")
    if gone == "moved away":
        world.remote.rename(world.folder / "away")
    else:
        world.git("remote", "set-url", "origin", "http://me:s3cret@127.0.0.1:1/x.git")

    with pytest.raises(Unavailable, match="did not reach the remote") as caught:
        repo.push(updates)

    assert "s3cret" not in "\n".join([str(caught.value), *caught.value.details])
    with pytest.raises(Misconfigured, match="no remote named elsewhere"):
        GitRepo.open(world.clone, "elsewhere").push(updates)


def test_a_remote_with_two_push_urls_is_refused_because_two_pushes_are_not_atomic(world: World) -> None:
    repo = world.repo()
    updates = tag_and_ledger(repo, "one")
    for _ in range(2):
        world.git("config", "--add", "remote.origin.pushurl", world.url)

    with pytest.raises(Misconfigured, match="several push URLs"):
        repo.push(updates)

    assert repo.remote().tags == {}


RACER = """
import sys
from pathlib import Path
from release.adapters.git import GitRepo
from release.errors import Conflict
from tests.adapters.test_git_writing import tag_and_ledger

repo = GitRepo.open(Path(sys.argv[1]))
updates = tag_and_ledger(repo, sys.argv[2])
print("ready", flush=True)
open(sys.argv[3]).close()
try:
    repo.push(updates)
    print("won")
except Conflict as lost:
    print("lost", lost)
"""


def test_of_processes_that_push_the_same_tag_at_once_exactly_one_wins(world: World) -> None:
    root = Path(__file__).resolve().parents[2]
    start = world.folder / "start"
    os.mkfifo(start)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(world.clone), f"racer-{number}", str(start)],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n", racer.communicate()

    with start.open("w"):  # all wait for a writer
        said = [racer.communicate() for racer in racers]

    outcomes = [out.partition(" ")[0].strip() for out, _ in said]
    assert sorted(outcomes) == ["lost"] * 5 + ["won"], said
    winner = f"racer-{outcomes.index('won')}"
    repo = world.repo()
    refs = repo.remote()
    ledger = refs.branches["release-ledger"]
    repo.ensure([ledger, refs.tags["v1.0.0-qa.1"].object])
    assert [entry.path for entry in repo.tree(ledger)] == [f"{winner}.json"]
    assert repo.tag_message(refs.tags["v1.0.0-qa.1"].object).endswith(f"{winner}\n")
