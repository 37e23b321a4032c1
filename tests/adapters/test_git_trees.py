"""Which folders are in a tree and what refs name, asked together: also in a damaged clone."""

import os
from pathlib import Path

import pytest

from release.adapters.git import GitRepo
from release.errors import Misconfigured
from tests.adapters.git_worlds import World, git


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


def tree_of(world: World, path: str) -> str:
    return world.git("rev-parse", f"HEAD:{path}")


def test_folders_are_named_with_the_ids_of_their_trees(world: World) -> None:
    files = ("services/a/x", "services/a-b/x", "services/a b/ü/x", "services/new\nline/x", "services/file")
    commit = world.commit("x", {**dict.fromkeys(files, "1"), "pipelines/fleet.yaml": "1", "top": "1"})

    top, services, pipelines, nothing = world.repo().folders(commit, "", "services", "pipelines", "nothing")

    assert top == {name: tree_of(world, name) for name in ("services", "pipelines")}
    assert services == {name: tree_of(world, f"services/{name}") for name in ("a", "a-b", "a b", "new\nline")}
    assert (pipelines, nothing) == ({}, {})


def test_a_folder_whose_name_is_no_text_is_named_as_the_tree_of_files_names_it(world: World) -> None:
    folder = world.clone / "services" / os.fsdecode(b"caf\xe9")
    folder.mkdir(parents=True)
    (folder / "x").write_text("1")
    commit = world.commit("x")

    (services,) = world.repo().folders(commit, "services")

    (entry,) = world.repo().tree(commit)
    assert [f"services/{name}/x" for name in services] == [entry.path]


@pytest.mark.parametrize("instead", ["file", "link", "submodule"])
def test_what_stands_where_a_folder_is_looked_for_has_no_folders(world: World, instead: str) -> None:
    match instead:
        case "file":
            (world.clone / "services").write_text("1")
        case "link":
            (world.clone / "services").symlink_to("elsewhere")
        case _:
            git(
                world.clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", world.url,
                "services",
            )  # fmt: skip
    commit = world.commit("x")

    if instead == "submodule":  # a commit of another repository: git has none, and no tree was lost
        assert world.repo().folders(commit, "services") == [{}]
    else:
        assert world.repo().folders(commit, "", "services") == [{}, {}]


def test_a_tree_of_five_thousand_folders_is_read_whole(world: World) -> None:
    blob = git(world.clone, "hash-object", "-w", "--stdin", stdin=b"1")
    inner = git(world.clone, "mktree", stdin=f"100644 blob {blob}\tx\n".encode())
    listing = "".join(f"040000 tree {inner}\tservice-{number:05d}\n" for number in range(5000))
    services = git(world.clone, "mktree", stdin=listing.encode())
    top = git(world.clone, "mktree", stdin=f"040000 tree {services}\tservices\n".encode())
    commit = git(world.clone, "commit-tree", "-m", "x", top)

    (found,) = world.repo().folders(commit, "services")

    assert list(found) == [f"service-{number:05d}" for number in range(5000)]
    assert set(found.values()) == {inner}


def test_ids_of_sha256_are_read_whole_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "long")
    (tmp_path / "long" / "services" / "a").mkdir(parents=True)
    (tmp_path / "long" / "services" / "a" / "x").write_text("1")
    git(tmp_path / "long", "add", "--all")
    git(tmp_path / "long", "commit", "--quiet", "--message", "x")
    repo = GitRepo.open(tmp_path / "long")

    (services,) = repo.folders(repo.resolve("HEAD"), "services")

    assert services == {"a": git(tmp_path / "long", "rev-parse", "HEAD:services/a")}


@pytest.mark.parametrize("lost", ["HEAD^{tree}", "HEAD:services"])
def test_a_clone_that_has_lost_a_tree_does_not_look_like_one_without_services(
    world: World, lost: str
) -> None:
    commit = world.commit("x", {"services/a/x": "1"})
    tree = world.git("rev-parse", lost)
    (world.clone / ".git" / "objects" / tree[:2] / tree[2:]).unlink()

    with pytest.raises(Misconfigured, match="git"):
        world.repo().folders(commit, "services")


def test_refs_are_resolved_together_as_they_are_alone(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    second = world.commit("second")
    world.git("tag", "v1", first)
    world.git("branch", "both", first)
    world.git("tag", "both", second)
    names = ("HEAD", "HEAD~1", "v1", first[:10], "both", "nothing", "", "two\nlines", "HEAD")
    repo = world.repo()

    found = repo.resolve_each(*names)

    assert found == [second, first, first, first, None, None, None, None, second]
    for name, commit in zip(names, found, strict=True):
        if commit is None:
            with pytest.raises(Misconfigured):
                repo.resolve(name)
        else:
            assert repo.resolve(name) == commit


def test_a_commit_that_cannot_be_fetched_hides_no_other(world: World) -> None:
    git(world.remote, "config", "uploadpack.allowFilter", "true")
    clone = world.another_clone("partial", "--filter=tree:0", "--no-checkout")
    world.remote.rename(world.folder / "away")
    repo = GitRepo.open(clone)
    head = git(clone, "rev-parse", "HEAD")

    found, absent = repo.resolve_each("HEAD", "1" * 40)

    assert absent is None
    assert (found or repo.resolve("HEAD")) == head


def test_the_work_tree_is_found_whatever_its_name_is(world: World) -> None:
    place = world.folder / "two\nlines"
    git(world.folder, "clone", "--quiet", world.url, str(place))

    assert GitRepo.open(place).top == place
    assert GitRepo.open(world.remote).top == world.remote
    assert GitRepo.open(world.clone / ".git").top == world.clone / ".git"
