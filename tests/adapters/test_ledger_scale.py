"""Whoever promotes reads heads: what that costs does not grow with the history, in any kind of clone."""

import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from release.adapters.git import GitRepo
from release.adapters.ledger import BRANCH, GitLedger
from release.core.records import HISTORY
from release.ports import LedgerState, RefUpdate
from tests.adapters.git_worlds import World, git, has
from tests.adapters.ledger_worlds import STAGES, events, write
from tests.adapters.test_ledger import event
from tests.fakes.ports import FakeClock

SHORT, LONG = 20, 260  # promotions; heads remember 50 of each of four stages


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


def fresh(world: World, name: str = "fresh", *how: str) -> Path:
    """A clone that does not have the ledger."""
    return world.another_clone(name, "--single-branch", "--branch=main", *how)


def ledger_of(clone: Path) -> GitLedger:
    return GitLedger(GitRepo.open(clone), FakeClock())


def beside(clone: Path) -> Path:
    return clone / ".git" / "release" / f"{BRANCH}.git"


def objects(folder: Path) -> int:
    counted = git(folder, "count-objects", "-v").splitlines()
    facts = dict(line.split(": ") for line in counted)
    return int(facts["count"]) + int(facts["in-pack"])


def promoted(clone: Path, stage: str = "prod") -> LedgerState:
    """One more promotion, as its process writes it."""
    ledger = ledger_of(clone)
    state = ledger.read()
    begun: dict[str, Any] = {
        "id": "20270101T120000Z-fleet-prod-ab12",
        "stage": stage,
        "fence": state.head("fleet", stage).fence + 1,
    }
    state = ledger.append(state, event(**begun))
    return ledger.append(state, event("outcome", outcome="succeeded", **begun))


def test_the_newest_commit_holds_what_heads_name_and_nothing_older(world: World) -> None:
    written = list(events(14))
    ledger = ledger_of(world.clone)
    state = LedgerState(None, {})
    for one in written:
        state = ledger.append(state, one)
    assert state.commit is not None
    paths = git(world.remote, "ls-tree", "-r", "--name-only", BRANCH).splitlines()
    named = {path for head in state.heads.values() for path in head.records}
    assert {path for path in paths if not path.startswith("heads/")} == named
    assert len(named) == 14, "the outcome of each, as none of the stages has forgotten one yet"
    assert list(ledger.events(state)) == written[::-1], "an event was lost"
    assert git(world.remote, "rev-list", "--count", BRANCH) == str(len(written))


def test_the_tree_stops_growing_when_heads_forget(world: World) -> None:
    write(world.remote, LONG)
    promoted(world.clone)
    paths = git(world.remote, "ls-tree", "-r", "--name-only", BRANCH).splitlines()
    assert len(paths) == len(STAGES) * (HISTORY + 1)


def test_a_fresh_clone_downloads_the_same_however_long_the_history_is(world: World) -> None:
    sizes = {}
    for promotions in (LONG, 2 * LONG):
        write(world.remote, promotions)
        clone = fresh(world, f"fresh-{promotions}")
        before = objects(clone)
        state = ledger_of(clone).read()
        assert set(state.heads) == {("fleet", stage) for stage in STAGES}
        assert objects(clone) == before, "the ledger is in the user's own objects"
        sizes[promotions] = objects(beside(clone))
    assert sizes[LONG] < 2 * len(STAGES) * HISTORY
    assert abs(sizes[LONG] - sizes[2 * LONG]) <= 3  # trees of other months
    assert int(git(world.remote, "rev-list", "--objects", "--count", BRANCH)) > 10 * sizes[LONG]


def test_the_clone_of_the_user_stays_as_it_was(world: World) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    before = (world.refs(clone), (clone / ".git" / "config").read_text())
    promoted(clone)
    ledger_of(clone).events(ledger_of(clone).read())
    assert (world.refs(clone), (clone / ".git" / "config").read_text()) == before
    assert git(clone, "rev-parse", "--is-shallow-repository") == "false"
    assert git(clone, "status", "--porcelain") == ""
    git(clone, "fsck", "--strict")
    git(clone, "gc", "--quiet", "--prune=now")
    assert ledger_of(clone).read().head("fleet", "prod").serves is not None


def test_a_commit_that_is_looked_for_on_all_branches_does_not_bring_the_ledger(world: World) -> None:
    wanted = world.commit("a change that a stage runs")
    world.commit("a later change")
    world.push()
    write(world.remote, SHORT)
    clone = fresh(world, "fresh", "--depth=1")
    repo = GitRepo.open(clone)
    commit = GitLedger(repo, FakeClock()).read().commit
    assert commit is not None
    assert not has(clone, wanted)
    repo.ensure([wanted], refs=[f"refs/heads/{name}" for name in repo.remote().branches])
    assert has(clone, wanted)
    assert not has(clone, commit)


@pytest.mark.parametrize("how", [(), ("--depth=1",), ("--filter=blob:none",), ("--mirror",)], ids=str)
def test_a_promotion_is_pushed_from_every_kind_of_clone(world: World, how: tuple[str, ...]) -> None:
    git(world.remote, "config", "uploadpack.allowFilter", "true")
    for number in range(3):
        world.commit(f"change {number}")
    world.push()
    write(world.remote, SHORT)
    if how == ("--mirror",):
        clone = world.another_clone("fresh", *how)
        git(clone, "update-ref", "-d", f"refs/heads/{BRANCH}")
        git(clone, "gc", "--quiet", "--prune=now")
    else:
        clone = fresh(world, "fresh", *how)
    world.commit("a later change")  # so that no ref of the remote names the commit of the tag
    world.push()
    repo = GitRepo.open(clone)
    ledger = GitLedger(repo, FakeClock())
    state = ledger.read()
    made = repo.write_tag(name="v9.0.0", commit=repo.resolve("main"), message="v9.0.0\n")
    fence = state.head("fleet", "prod").fence + 1
    state = ledger.append(state, event(fence=fence), tag=RefUpdate("refs/tags/v9.0.0", made))
    assert git(world.remote, "rev-parse", BRANCH, "v9.0.0") == f"{state.commit}\n{made}"
    assert git(world.remote, "rev-list", "--count", BRANCH) == str(2 * SHORT + 1)
    git(world.remote, "fsck", "--strict", "--connectivity-only")
    state = ledger.append(state, event("outcome", outcome="succeeded", fence=fence))
    assert ledger_of(world.another_clone("other")).read() == state


def test_what_came_once_does_not_come_again(world: World) -> None:
    write(world.remote, LONG)
    clone = fresh(world)
    ledger_of(clone).read()
    had = objects(beside(clone))
    promoted(world.clone)
    ledger_of(clone).read()
    assert objects(beside(clone)) - had < 20
    assert ledger_of(clone).read() == ledger_of(world.another_clone("other")).read()


def test_the_newest_events_are_read_without_the_others(world: World) -> None:
    write(world.remote, LONG)
    written = list(events(LONG))[::-1]
    clone = fresh(world)
    ledger = ledger_of(clone)
    assert list(ledger.events(ledger.read(), limit=7)) == written[:7]
    assert int(git(beside(clone), "rev-list", "--count", "--all")) == 8
    assert list(ledger.events(ledger.read(), limit=30)) == written[:30]
    assert list(ledger.events(ledger.read())) == written
    assert list(ledger_of(clone).events(ledger_of(clone).read(), limit=2)) == written[:2]


def test_events_are_chosen_by_stage_pipeline_and_release(world: World) -> None:
    write(world.remote, SHORT)
    written = list(events(SHORT))[::-1]
    ledger = ledger_of(fresh(world))
    state = ledger.read()
    of_qa = [one for one in written if one.stage == "qa"]
    assert list(ledger.events(state, stage="qa")) == of_qa
    assert list(ledger.events(state, stage="qa", limit=3)) == of_qa[:3]
    assert list(ledger.events(state, pipeline="fleet", stage="qa", limit=1)) == of_qa[:1]
    assert list(ledger.events(state, pipeline="payments")) == []
    of_one = [one for one in written if one.release.tag == "v1.1.0"]
    assert list(ledger.events(state, release="v1.1.0")) == of_one
    assert list(ledger.events(state, release="v1.1")) == []
    assert list(ledger.events(state, release="v1.1.[0]")) == []
    commit = of_one[0].release.commit
    assert len(ledger.events(state, release=commit)) == 2 * len(STAGES)


def _commands(folder: Path, monkeypatch: pytest.MonkeyPatch, clone: Path) -> int:
    """How many git processes it takes to read the heads, one record, and the ten newest events."""
    ledger_of(clone).events(ledger_of(clone).read(), limit=10)  # has fetched
    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("GIT_TRACE2_EVENT", str(folder))
        ledger = ledger_of(clone)
        state = ledger.read()
        head = state.head("fleet", "prod")
        assert head.serves is not None
        ledger.event(state, head.serves.record)
        ledger.events(state, limit=10)
    started = [
        json.loads(line)
        for path in folder.iterdir()
        for line in path.read_text().splitlines()
        if "start" in line
    ]
    return sum(one["event"] == "start" for one in started)


def test_as_many_git_processes_read_a_long_ledger_as_a_short_one(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for promotions in (SHORT, LONG):
        write(world.remote, promotions)
        clone = fresh(world, f"fresh-{promotions}")
        counts.append(_commands(tmp_path / f"trace-{promotions}", monkeypatch, clone))
    assert counts[0] == counts[1] <= 25, counts


def test_what_was_left_locked_by_a_killed_fetch_stops_nobody(world: World) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    ledger_of(clone).read()
    (beside(clone) / "shallow.lock").touch()
    (beside(clone) / "refs" / "kept" / f"{BRANCH}.lock").touch()
    promoted(world.clone)
    assert ledger_of(clone).read().head("fleet", "prod").serves is not None


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "half of it"])
def test_what_is_beside_the_clone_may_be_deleted(world: World, left: str) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    expected = ledger_of(clone).read()
    if left == "half of it":
        (beside(clone) / "HEAD").unlink()
    else:
        shutil.rmtree(beside(clone))
    if left == "an empty folder":
        beside(clone).mkdir()
    assert ledger_of(clone).read() == expected


@pytest.mark.parametrize("config", ["", "[core]\n\tbare = true\n", "[include]\n\tpath = ../../config\n"])
def test_a_process_that_was_killed_while_it_began_beside_the_clone_stops_nobody(
    world: World, config: str
) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    beside(clone).mkdir(parents=True)
    git(beside(clone), "init", "--quiet", "--bare", "--template=")
    (beside(clone) / "config").write_text(config)
    beside(clone).with_suffix(".new").mkdir()
    assert ledger_of(clone).read().head("fleet", "prod").serves is not None


def test_a_repository_whose_ids_are_of_sha256_has_a_ledger_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    world = World(tmp_path / "sha256")
    monkeypatch.delenv("GIT_DEFAULT_HASH")
    now = promoted(world.clone)
    assert now.commit is not None and len(now.commit) == 64
    assert ledger_of(fresh(world)).read() == now


@pytest.mark.parametrize("torn", ["HEAD", "config", f"refs/kept/{BRANCH}"])
def test_files_that_a_full_disk_left_empty_beside_the_clone_stop_nobody(world: World, torn: str) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    ledger_of(clone).read()
    (beside(clone) / torn).write_bytes(b"")
    now = promoted(world.clone)
    assert ledger_of(clone).read() == now


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_git_directory_that_may_not_be_written_in_is_left_alone(world: World) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    (clone / ".git").chmod(0o500)
    try:
        assert ledger_of(clone).read().head("fleet", "prod").serves is not None
    finally:
        (clone / ".git").chmod(0o700)


def test_where_nothing_can_be_put_beside_the_clone_the_ledger_is_fetched_whole(world: World) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    (clone / ".git" / "release").write_text("a file in the place of a folder")
    state = promoted(clone)
    assert state == ledger_of(world.another_clone("other")).read()


def _reads(clone: str) -> str | None:
    return ledger_of(Path(clone)).read().commit


def test_many_processes_may_read_at_once(world: World) -> None:
    commit = write(world.remote, SHORT)
    clone = fresh(world)
    with ProcessPoolExecutor(4) as pool:
        assert list(pool.map(_reads, [str(clone)] * 8)) == [commit] * 8


def test_packs_do_not_pile_up(world: World) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    folder = beside(clone) / "objects" / "pack"
    ledger_of(clone).read()
    (pack,) = folder.glob("*.pack")
    for number in range(45):  # as if so many fetches had been
        for file in (pack, pack.with_suffix(".idx")):
            shutil.copy(file, folder / f"pack-{number:040x}{file.suffix}")
    promoted(world.clone)
    assert ledger_of(clone).read().head("fleet", "prod").serves is not None
    assert len(list(folder.glob("*.pack"))) <= 3


def test_a_moved_clone_still_knows_its_remote(world: World) -> None:
    write(world.remote, SHORT)
    clone = fresh(world)
    ledger_of(clone).read()
    promoted(world.clone)
    moved = clone.rename(clone.with_name('moved: "here"'))
    assert promoted(moved, "qa").head("fleet", "qa").serves is not None
