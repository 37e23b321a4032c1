"""What a fleet with nothing changed costs: counted, not timed."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.adapters.artifacts_folder import FolderArtifacts
from release.adapters.git import GitRepo
from release.build.release_build import BuildResult
from tests.build import fleet
from tests.build.plain_repo import PlainRepo
from tests.build.test_release_build import Unusable, build

FEW, MANY = 3, 12


class Counted:
    """Passes calls on and counts them by name."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            return found(*args, **kwargs)

        return call


Costs = tuple[BuildResult, Counter[str], Counter[str]]


@pytest.fixture
def unchanged(tmp_path: Path) -> Callable[..., Costs]:
    """Builds a fleet, then again at the same or at a newer commit that changes no service."""

    def measure(services: int, *, newer: bool, base: bool = False, refill: bool = False) -> Costs:
        folder = tmp_path / f"{services}-{newer}-{base}"
        repo, store = PlainRepo.create(folder / "repo"), FolderArtifacts(folder / "store")
        names = [f"s{number}" for number in range(services)]
        named = [fleet.service(name) for name in names]
        commit = repo.commit({path: text for name in names for path, text in fleet.files(name).items()})
        first = build(GitRepo.open(repo.top), store, commit, *named)
        if newer:
            commit = repo.commit({"README.md": "words"})
        git, calls = Counted(GitRepo.open(repo.top)), Counted(store)
        facts = {"base": (first.digest,)} if base else {}
        again = build(git, calls, commit, *named, builder=Unusable(), refill=refill, **facts)
        assert {one.outcome for one in again.services} == {"reused"}
        assert again.manifest.services == first.manifest.services
        return again, git.calls, calls.calls

    return measure


@pytest.mark.parametrize("services", [FEW, MANY])
def test_a_commit_that_was_built_costs_three_questions_however_large_the_fleet(
    unchanged: Callable[..., Costs], services: int
) -> None:
    """Its manifest's digest, the manifest, and the note that all of it is in every region."""
    result, git, store = unchanged(services, newer=False)
    assert result.known
    assert git == {}
    assert store == {"index": 2, "get": 1}


@pytest.mark.parametrize("services", [FEW, MANY])
def test_a_newer_commit_with_nothing_changed_looks_up_no_service(
    unchanged: Callable[..., Costs], services: int
) -> None:
    """Two calls of git read the commit; what the stages run tells the rest. No zip is read or written."""
    result, git, store = unchanged(services, newer=True, base=True)
    assert not result.known
    assert sum(git.values()) <= 4, git
    assert store == {"index": 2, "get": 1, "put": 1, "index_once": 2}


def test_without_a_manifest_to_rely_on_each_service_is_asked_for(unchanged: Callable[..., Costs]) -> None:
    _, _, store = unchanged(FEW, newer=True)
    assert store["index"] == 1 + FEW


def test_a_refill_asks_for_every_object_of_a_built_commit(unchanged: Callable[..., Costs]) -> None:
    result, _, store = unchanged(FEW, newer=False, refill=True)
    objects = 1 + FEW * (3 + 2 * len(fleet.pipeline().stages))  # zip and papers, documents of each stage
    assert result.known
    assert store["holds"] == objects


def test_a_manifest_that_is_lost_is_not_relied_on(tmp_path: Path) -> None:
    repo, store = PlainRepo.create(tmp_path / "repo"), FolderArtifacts(tmp_path / "store")
    first = build(repo, store, repo.commit(fleet.files()))
    (store.folder / f"manifest/{first.digest}").unlink()
    second = build(repo, store, repo.commit({"README.md": "x"}), builder=Unusable(), base=(first.digest,))
    assert second.manifest.services == first.manifest.services


def test_some_services_alone_write_no_manifest_and_leave_nothing_for_the_build_of_all(
    tmp_path: Path,
) -> None:
    repo, store = PlainRepo.create(tmp_path / "repo"), FolderArtifacts(tmp_path / "store")
    services = (fleet.service("orders"), fleet.service("prices"))
    commit = repo.commit(fleet.files("orders") | fleet.files("prices"))
    shards = [build(repo, store, commit, one, whole=False) for one in services]
    assert [shard.whole for shard in shards] == [False, False]
    assert not (store.folder / "manifest").exists()
    whole = build(repo, store, commit, *services, builder=Unusable())
    assert [one.outcome for one in whole.services] == ["reused", "reused"]
    assert (store.folder / f"manifest/{whole.digest}").exists()
