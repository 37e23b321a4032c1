"""What is read from a clone and its remote, of whatever kind they are and however the user configured git."""

import os
import time
from pathlib import Path

import pytest

from release.adapters.git import GitRepo
from release.errors import Misconfigured, Unavailable
from release.ports import RefUpdate, RemoteTag
from tests.adapters.git_worlds import World, git, has


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


def test_the_repository_is_found_from_a_folder_deep_inside(world: World) -> None:
    world.commit("x", {"services/a b/ü/file": "1"})

    assert GitRepo.open(world.clone / "services/a b/ü").top == world.clone


def test_outside_a_repository_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not inside a git repository") as caught:
        GitRepo.open(tmp_path)

    assert "-C DIR" in caught.value.fix
    with pytest.raises(Misconfigured, match="is no folder"):
        GitRepo.open(tmp_path / "nowhere")


def test_without_git_the_error_says_what_to_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(Misconfigured, match="git cannot be started"):
        GitRepo.open(world.clone)


def test_a_remote_of_the_environment_that_is_gone_is_out_of_reach_and_not_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `release sandbox` gives its own."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "remote.sandbox.url")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(world.folder / "gone.git"))

    with pytest.raises(Unavailable, match="the remote sandbox cannot be read"):
        GitRepo.open(world.clone, "sandbox").remote()


def test_the_remote_is_the_one_that_the_environment_names(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.git("remote", "rename", "origin", "upstream")
    with pytest.raises(Misconfigured, match="no remote named origin") as caught:
        world.repo().remote()
    assert "RELEASE_REMOTE" in caught.value.fix

    monkeypatch.setenv("RELEASE_REMOTE", "upstream")

    assert world.repo().remote().head == "main"
    with pytest.raises(Misconfigured):
        GitRepo.open(world.clone, "--upload-pack=touch /tmp/x")


def test_a_remote_may_be_said_by_the_environment_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.git("remote", "remove", "origin")
    settings = {"COUNT": "1", "KEY_0": "remote.sandbox.url", "VALUE_0": str(world.remote)}
    for name, value in settings.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("RELEASE_REMOTE", "sandbox")
    repo = world.repo()

    made = repo.write_commit(base=None, files={"x": b"1"}, parents=[], message="m")
    repo.push([RefUpdate("refs/heads/there", made)])

    assert repo.remote().branches["there"] == made


def test_in_a_hook_of_git_the_same_repository_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.refs()
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", str(world.clone / ".git/index"))
    repo = world.repo()
    monkeypatch.setenv("GIT_DIR", "/nonexistent")

    repo.write_commit(base="HEAD", files={"x": b"1"}, parents=[], message="m")

    assert repo.top == world.clone
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert world.refs() == before


def test_the_remote_tells_branches_tags_and_its_default_branch(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    world.git("tag", "light")
    world.git("tag", "-a", "-m", "x", "heavy")
    world.git("tag", "-a", "-m", "x", "of-a-tag", "heavy")
    world.git("branch", "x/HEAD")
    world.git("branch", "light")
    second = world.commit("second")
    world.push("refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")

    refs = world.repo().remote()

    assert refs.head == "main"
    assert refs.branches == {"main": second, "x/HEAD": first, "light": first}
    assert refs.tags["light"] == RemoteTag("light", first, first, False)
    heavy, of_a_tag = (world.git("rev-parse", f"refs/tags/{name}") for name in ("heavy", "of-a-tag"))
    assert refs.tags["heavy"] == RemoteTag("heavy", heavy, first, True)
    assert refs.tags["of-a-tag"] == RemoteTag("of-a-tag", of_a_tag, first, True)
    assert world.repo().local_tags() == refs.tags


def test_an_empty_remote_has_no_default_branch(tmp_path: Path, world: World) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "empty.git"))

    refs = GitRepo.open(world.clone, str(tmp_path / "empty.git")).remote()

    assert (refs.head, refs.branches, refs.tags) == (None, {}, {})


def test_a_remote_out_of_reach_is_unavailable_and_its_password_is_not_shown(world: World) -> None:
    world.git("remote", "set-url", "origin", "http://me:s3cret@127.0.0.1:1/x.git")

    with pytest.raises(Unavailable) as caught:
        world.repo().remote()

    said = "\n".join([caught.value.cause, caught.value.fix, *caught.value.details])
    assert "127.0.0.1" in said
    assert "s3cret" not in said
    world.git("remote", "set-url", "origin", str(world.folder / "gone.git"))
    with pytest.raises(Unavailable, match="does not appear to be a git repository"):
        world.repo().remote()


def test_a_ref_is_found_by_branch_tag_id_or_the_remotes_branch(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    second = world.commit("second")
    world.git("tag", "-a", "-m", "x", "v1.0.0", first)
    world.git("branch", "topic", first)
    world.git("push", "--quiet", "origin", "HEAD:refs/heads/only-there")
    world.git("checkout", "--quiet", "--detach")
    repo = world.repo()

    for ref, commit in {
        "HEAD": second,
        "HEAD~1": first,
        "topic": first,
        "v1.0.0": first,
        second[:10]: second,
        "only-there": second,
        "refs/tags/v1.0.0": first,
    }.items():
        assert repo.resolve(ref) == commit, ref


@pytest.mark.parametrize("ref", ["", "nowhere", "--all", "HEAD\nmain", "main:f", "0" * 40, "HEAD^9"])
def test_a_ref_that_names_no_commit_is_an_error(world: World, ref: str) -> None:
    with pytest.raises(Misconfigured, match="names no commit"):
        world.repo().resolve(ref)


def test_a_branch_without_a_commit_is_told_to_have_one(world: World) -> None:
    world.git("checkout", "--quiet", "--orphan", "fresh")

    with pytest.raises(Misconfigured, match="HEAD names no commit") as refused:
        world.repo().resolve("HEAD")

    assert refused.value.fix.startswith("commit something first")


def test_a_branch_with_a_tags_name_must_be_said_in_full_when_they_differ(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    world.git("tag", "v1.0.0")
    world.git("branch", "v1.0.0")
    assert world.repo().resolve("v1.0.0") == first
    second = world.commit("second")
    world.git("update-ref", "refs/heads/v1.0.0", second)

    with pytest.raises(Misconfigured, match="a branch and a tag") as caught:
        world.repo().resolve("v1.0.0")

    assert "refs/tags/v1.0.0" in caught.value.fix
    assert world.repo().resolve("refs/tags/v1.0.0") == first
    assert world.repo().resolve("refs/heads/v1.0.0") == second


def test_names_with_spaces_newlines_and_foreign_bytes_are_read_as_they_are(world: World) -> None:
    names = ["a b", "a\nb", "ü", os.fsdecode(b"not-utf8-\xff"), 'quo"te\\', "dir/x", "dir.x", "*", ":(glob)x"]
    commit = world.commit(
        "names", {f"s/{name}": name.encode(errors="surrogateescape").hex() for name in names}
    )
    (world.clone / "s/tool").write_text("#!/bin/sh\n")
    (world.clone / "s/tool").chmod(0o755)
    (world.clone / "s/link").symlink_to("tool")
    commit = world.commit("modes", {"other/x": "1", "s-more/x": "1"})
    repo = world.repo()

    entries = repo.tree(commit, "s")
    contents = repo.blobs(entry.blob for entry in entries)

    paths = [entry.path for entry in entries]
    assert sorted(paths) == sorted([*(f"s/{name}" for name in names), "s/link", "s/tool"])
    assert paths == sorted(paths, key=os.fsencode)
    modes = {entry.path: entry.mode for entry in entries}
    assert (modes["s/tool"], modes["s/link"], modes["s/dir/x"]) == ("100755", "120000", "100644")
    for entry in entries:
        if entry.path not in ("s/tool", "s/link"):
            name = entry.path.removeprefix("s/")
            assert contents[entry.blob] == name.encode(errors="surrogateescape").hex().encode()
    assert {entry.path for entry in repo.tree(commit, "other", "s-more")} == {"other/x", "s-more/x"}
    assert [entry.path for entry in repo.tree(commit, "s/a b")] == ["s/a b"]
    assert [entry.path for entry in repo.tree(commit, "s/*")] == ["s/*"]
    assert repo.tree(commit, "nowhere") == []
    assert len(repo.tree(commit)) == len(names) + 4


def test_a_tree_is_read_whole_whatever_folder_the_tool_was_started_in(world: World) -> None:
    commit = world.commit("x", {"a/x": "1", "b/x": "1"})

    assert len(GitRepo.open(world.clone / "a").tree(commit)) == 2


def test_contents_of_any_bytes_come_back_and_missing_ones_are_an_error(world: World) -> None:
    repo = world.repo()
    contents = [b"", b"\n", b"\0\xff\n\n", b"x" * 100_000]
    ids = [git(world.clone, "hash-object", "-w", "--stdin", stdin=content) for content in contents]

    assert repo.blobs([*ids, ids[0]]) == dict(zip(ids, contents, strict=True))
    assert repo.blobs([]) == {}
    with pytest.raises(Misconfigured, match="no file content"):
        repo.blobs(["1" * 40])


def test_commits_come_newest_first_with_whole_messages(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    world.commit("feat: ü\n\nBody line\n\nBREAKING CHANGE: x")
    second = world.commit("fix: y")
    repo = world.repo()

    found = repo.commits(since=first, until=second)

    assert [(one.subject, one.body) for one in found] == [
        ("fix: y", ""),
        ("feat: ü", "Body line\n\nBREAKING CHANGE: x"),
    ]
    assert found[0].id == second
    assert [one.subject for one in repo.commits(since=None, until=second)][-1] == "first"
    assert repo.commits(since=second, until=second) == []


def test_tags_count_by_their_commit_on_the_remote_even_when_the_tag_is_not_here(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    second = world.commit("second")
    world.push()
    elsewhere = world.another_clone("elsewhere")
    git(elsewhere, "tag", "-a", "-m", "x", "v1.0.0", first)
    git(elsewhere, "tag", "v1.1.0", second)
    git(elsewhere, "commit", "--quiet", "--allow-empty", "-m", "side")
    git(elsewhere, "tag", "v2.0.0")
    git(elsewhere, "push", "--quiet", "origin", "--tags")
    world.git("tag", "v9.9.9", first)  # only here: not in the remote's list, so it cannot count
    repo = world.repo()
    tags = repo.remote().tags

    assert repo.merged_tags(second, tags) == {"v1.0.0", "v1.1.0"}
    assert repo.merged_tags(first, tags) == {"v1.0.0"}
    assert repo.merged_tags(tags["v2.0.0"].commit, tags) == set(tags)
    assert repo.merged_tags(first, {}) == frozenset()


def test_ancestry_is_answered_for_commits_that_are_only_on_the_remote(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    elsewhere = world.another_clone("elsewhere")
    git(elsewhere, "commit", "--quiet", "--allow-empty", "-m", "there")
    git(elsewhere, "push", "--quiet", "origin", "HEAD:refs/heads/there")
    there = git(elsewhere, "rev-parse", "HEAD")
    before = world.refs()

    repo = world.repo()

    assert repo.is_ancestor(there, first) is False
    assert not has(world.clone, there)
    assert repo.is_ancestor(first, there) is True
    assert has(world.clone, there)
    assert repo.is_ancestor(there, there) is True
    assert world.refs() == before


def test_missing_objects_are_fetched_without_writing_a_ref(world: World) -> None:
    world.git("config", "fetch.prune", "true")
    world.git("config", "remote.origin.tagOpt", "--tags")
    elsewhere = world.another_clone("elsewhere")
    git(elsewhere, "commit", "--quiet", "--allow-empty", "-m", "there")
    git(elsewhere, "tag", "-a", "-m", "x", "v1.0.0")
    git(elsewhere, "push", "--quiet", "origin", "HEAD:refs/heads/there", "v1.0.0")
    commit, tag = (git(elsewhere, "rev-parse", ref) for ref in ("HEAD", "refs/tags/v1.0.0"))
    before = world.refs()
    repo = world.repo()

    repo.ensure([commit], refs=["refs/heads/there"])
    repo.ensure([tag])

    assert has(world.clone, commit)
    assert repo.tag_message(tag) == "x\n"
    assert world.refs() == before
    with pytest.raises(Unavailable):
        repo.ensure(["1" * 40])
    with pytest.raises(Unavailable):
        repo.ensure(["1" * 40], refs=["refs/heads/gone"])
    world.remote.rename(world.folder / "away")
    repo.ensure([commit, tag])  # nothing is missing: the remote is not asked


@pytest.mark.parametrize(
    "kind", ["detached", "worktree", "bare", "mirror", "submodule", "partial", "treeless"]
)
def test_every_kind_of_clone_answers_alike(world: World, kind: str) -> None:
    first = world.git("rev-parse", "HEAD")
    world.git("tag", "-a", "-m", "x", "v1.0.0")
    second = world.commit("second", {"f": "content"})
    world.push("HEAD:refs/heads/main", "v1.0.0")
    git(world.remote, "config", "uploadpack.allowFilter", "true")
    match kind:
        case "detached":
            place = world.another_clone(kind)
            git(place, "checkout", "--quiet", "--detach", "origin/main")
        case "worktree":
            place = world.folder / kind
            world.git("worktree", "add", "--quiet", "--detach", str(place), second)
        case "bare" | "mirror":
            place = world.another_clone(kind, f"--{kind}")
        case "partial":
            place = world.another_clone(kind, "--filter=blob:none", "--no-checkout")
        case "treeless":
            place = world.another_clone(kind, "--filter=tree:0", "--no-checkout")
        case _:
            outer = world.folder / "outer"
            git(world.folder, "init", "--quiet", str(outer))
            git(
                outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", world.url, "sub dir"
            )
            place = outer / "sub dir"
    repo = GitRepo.open(place)
    tags = repo.remote().tags

    assert repo.top == place
    assert repo.resolve("HEAD") == repo.resolve(second) == second
    assert repo.merged_tags(second, tags) == {"v1.0.0"}
    assert repo.is_ancestor(first, second) and not repo.is_ancestor(second, first)
    assert [one.path for one in repo.differences(first, second)] == ["f"]
    assert repo.folders(second, "", "d") == [{}, {}]
    (entry,) = repo.tree(second)
    assert repo.blobs([entry.blob]) == {entry.blob: b"content"}
    written = repo.write_commit(base=second, files={"d/g": b"1"}, parents=[second], message="m\n")
    assert [one.path for one in repo.tree(written)] == ["d/g", "f"]


@pytest.mark.parametrize("branch", ["main", "side"])
def test_a_shallow_clone_is_deepened_before_it_answers(world: World, branch: str) -> None:
    first = world.git("rev-parse", "HEAD")
    world.git("tag", "-a", "-m", "x", "v1.0.0")
    second = world.commit("feat: second")
    third = world.commit("third")
    world.push("HEAD:refs/heads/main", "v1.0.0")
    world.git("checkout", "--quiet", "-b", "side", second)
    side = world.commit("on the side")
    world.push("side")
    tip = third if branch == "main" else side
    asks = {
        "ancestor": lambda repo: repo.is_ancestor(first, tip) is True,
        "tags": lambda repo: repo.merged_tags(tip, repo.remote().tags) == {"v1.0.0"},
        "commits": lambda repo: len(repo.commits(since=first, until=tip)) == 2,
        "no": lambda repo: repo.is_ancestor(third if branch == "side" else side, tip) is False,
    }
    for name, answers in asks.items():
        place = world.another_clone(f"shallow-{name}", "--depth=1", f"--branch={branch}", "--no-tags")
        before = world.refs(place)
        repo = GitRepo.open(place)
        assert git(place, "rev-parse", "--is-shallow-repository") == "true"

        assert answers(repo), name

        assert git(place, "rev-parse", "--is-shallow-repository") == "false"
        assert world.refs(place) == before


def test_a_shallow_clone_says_yes_at_once_and_never_guesses_no(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    second = world.commit("second")
    world.push()
    place = world.another_clone("shallow", "--depth=1")
    world.remote.rename(world.folder / "away")
    repo = GitRepo.open(place)

    assert repo.is_ancestor(second, second) is True
    for ask in (
        lambda: repo.is_ancestor(first, second),
        lambda: repo.merged_tags(second, {"v1": RemoteTag("v1", first, first, False)}),
        lambda: repo.commits(since=None, until=second),
    ):
        with pytest.raises(Unavailable):
            ask()


def test_a_clone_of_a_shallow_remote_is_refused_with_the_way_out(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    world.commit("second")
    world.push()
    middle = world.another_clone("middle", "--depth=1")
    place = world.folder / "leaf"
    git(world.folder, "clone", "--quiet", f"file://{middle}", str(place))

    with pytest.raises(Misconfigured, match="shallow") as caught:
        GitRepo.open(place).is_ancestor(first, git(place, "rev-parse", "HEAD"))

    assert "git fetch --unshallow" in caught.value.fix


def test_the_users_configuration_changes_no_answer(world: World, isolated_environment: Path) -> None:
    world.git("tag", "-a", "-m", "x", "v1.0.0")
    commit = world.commit("fix: ü", {"ü": "1"})
    world.push("HEAD:refs/heads/main", "v1.0.0")
    plain = world.repo()
    expected = (
        plain.remote(),
        plain.local_tags(),
        plain.tree(commit),
        plain.commits(since=None, until=commit),
    )
    with (isolated_environment / ".gitconfig").open("a") as configuration:
        configuration.write(
            "[color]\n ui = always\n[core]\n quotePath = true\n pager = false\n abbrev = 5\n editor = false\n"
            " hooksPath = /nonexistent\n[log]\n showSignature = true\n date = relative\n decorate = full\n"
            "[i18n]\n logOutputEncoding = ISO-8859-1\n[diff]\n renames = copies\n noprefix = true\n"
            "[transfer]\n fsckObjects = true\n[protocol]\n version = 0\n[fetch]\n output = compact\n"
            "[format]\n pretty = raw\n[column]\n ui = always\n[tag]\n sort = -v:refname\n"
            "[versionsort]\n suffix = -qa\n[status]\n short = true\n[grep]\n lineNumber = true\n"
        )
    world.git("replace", "--graft", commit)  # another history, in this clone only

    repo = world.repo()

    assert (
        repo.remote(),
        repo.local_tags(),
        repo.tree(commit),
        repo.commits(since=None, until=commit),
    ) == expected
    assert repo.merged_tags(commit, repo.remote().tags) == {"v1.0.0"}


def test_a_person_is_known_by_name_and_never_by_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.repo().person() == "Test Person"
    monkeypatch.setenv("LOGNAME", "login")
    world.git("config", "user.name", "someone@example.invalid")
    assert world.repo().person() == "login"


def test_a_hundred_thousand_tags_are_read_and_judged_fast(tmp_path: Path) -> None:
    place = tmp_path / "big.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(place))
    stream = [
        f"commit refs/heads/main\nmark :{number}\ncommitter x <> {number} +0000\ndata 0\n"
        for number in range(1, 2001)
    ]
    git(place, "fast-import", "--quiet", stdin="".join(stream).encode())
    commits = git(place, "rev-list", "main").split()
    light = [f"{commits[n % 2000]} refs/tags/v{n // 1000}.{n % 1000}.0-qa.1" for n in range(99_000)]
    (place / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted \n"
        + "".join(
            f"{line}\n" for line in sorted([*light, f"{commits[0]} refs/heads/main"], key=lambda x: x[41:])
        )
    )
    heavy = "".join(
        f"tag v999.{n}.0\nfrom refs/heads/main\ntagger x <> 1 +0000\ndata 0\n" for n in range(1000)
    )
    git(place, "fast-import", "--quiet", stdin=heavy.encode())
    git(place, "pack-refs", "--all")
    repo = GitRepo.open(place, str(place))

    started = time.perf_counter()
    refs = repo.remote()
    read = time.perf_counter()
    merged = repo.merged_tags(commits[1000], refs.tags)
    judged = time.perf_counter()

    print(f"ls-remote {(read - started) * 1000:.0f} ms, merged_tags {(judged - read) * 1000:.0f} ms")
    assert len(refs.tags) == 100_000
    assert len(merged) == sum(1 for n in range(99_000) if n % 2000 >= 1000)
    assert refs.tags["v999.1.0"].annotated and refs.tags["v999.1.0"].commit == commits[0]
    assert judged - started < 4  # seconds; about 0.6 on an idle machine: an object a tag would take minutes
