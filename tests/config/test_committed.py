"""What a clone remembers of its services: it saves time, and never says anything else than the files do."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from release.adapters.git import GitRepo
from release.config import ConfigurationErrors, load_committed, load_services
from release.core.models import Service
from release.observe import service_files
from tests.cli.worlds import Fleet
from tests.config.texts import SERVICE, SERVICES, STAGES

TEXT = SERVICES[SERVICE].decode()


def texts(count: int = 3) -> dict[str, str]:
    return {
        f"services/service-{n}/service.yaml": TEXT.replace("price-fetcher", f"service-{n}")
        for n in range(count)
    }


class Watched:
    """The real repository, and which blobs were read from it."""

    def __init__(self, clone: Path) -> None:
        self._repo = GitRepo.open(clone)
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._repo, name)

    def blobs(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        self.read += ids
        return self._repo.blobs(ids)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.with_files(tmp_path / "fleet", texts())


def load(
    fleet: Fleet, ref: str = "HEAD", stages: Sequence[str] = STAGES
) -> tuple[Mapping[str, Service], list[str]]:
    """The services of a commit, as a process of its own would load them, and the paths that were read."""
    repo = Watched(fleet.clone)
    files = service_files(repo, repo.resolve(ref))  # type: ignore[arg-type]
    try:
        services = load_committed(repo, files.blobs, stages, files.odd)  # type: ignore[arg-type]
    finally:
        paths = {blob: path for path, blob in files.blobs.items()}
        read = [paths[blob] for blob in repo.read]
    return services, read


def kept(fleet: Fleet) -> list[Path]:
    return sorted((fleet.clone / ".git" / "release").iterdir())


def as_bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def test_nothing_is_read_again_when_nothing_has_changed(fleet: Fleet) -> None:
    first, read = load(fleet)
    assert len(read) == 3
    again, read = load(fleet)
    assert read == []
    assert first == again == load_services(as_bytes(texts()), STAGES)
    assert list(again) == sorted(again)


def test_services_stand_by_name_and_not_by_path(fleet: Fleet) -> None:
    """In paths "service-0-api/" comes before "service-0/"."""
    added = {"services/service-0-api/service.yaml": TEXT.replace("price-fetcher", "service-0-api")}
    fleet.commit("feat: an API", added)
    names = ["service-0", "service-0-api", "service-1", "service-2"]
    for _ in range(2):
        assert list(load(fleet)[0]) == names
    assert list(load_services(as_bytes(texts() | added), STAGES)) == names


@pytest.mark.parametrize(
    "build",
    [
        "{include: ['data/**'], external: [pg], source_maps: true}",
        "{command: [make, -j, '2'], output: dist}",
    ],
)
def test_how_a_service_is_built_is_remembered(fleet: Fleet, build: str) -> None:
    node = TEXT.replace("price-fetcher", "node").replace("python3.13", "nodejs22.x")
    node = node.replace("price_fetcher.handler.handler", "src/price.handler")
    fleet.commit("feat: node", {"services/node/service.yaml": f"{node}\nbuild: {build}\n"})
    first, _ = load(fleet)
    again, read = load(fleet)
    assert read == []
    assert again["node"].build == first["node"].build != again["service-0"].build
    hash(again["node"].build)  # frozen in every part


@pytest.mark.parametrize(
    "more", ["{function: api, payload: {a: [1]}}", "{command: [a, b], destructive: true}"]
)
def test_what_a_service_runs_before_traffic_moves_is_remembered(fleet: Fleet, more: str) -> None:
    migrated = TEXT.replace("price-fetcher", "orders") + f"migrations: {more}\nno_auto_rollback: freeze\n"
    fleet.commit("feat: orders", {"services/orders/service.yaml": migrated})
    first, _ = load(fleet)
    again, read = load(fleet)
    assert read == []
    assert again["orders"] == first["orders"]
    assert again["orders"].freezes and again["orders"].migration is not None


def test_of_all_files_only_the_changed_one_is_read_again(fleet: Fleet) -> None:
    load(fleet)
    changed = "services/service-1/service.yaml"
    fleet.commit("feat: more memory", {changed: texts()[changed].replace("memory: 256", "memory: 512")})
    services, read = load(fleet)
    assert read == [changed]
    assert services["service-1"].settings["default"].memory == 512
    assert load(fleet, "HEAD~1")[1] == []


def test_a_service_that_is_gone_is_not_remembered(fleet: Fleet) -> None:
    load(fleet)
    fleet.git("rm", "-r", "--quiet", "services/service-1")
    fleet.commit("feat: without it")
    services, read = load(fleet)
    assert set(services) == {"service-0", "service-2"}
    assert read == []


def test_a_moved_file_is_read_again_because_its_path_is_part_of_what_it_means(fleet: Fleet) -> None:
    load(fleet)
    fleet.git("mv", "services/service-1", "services/renamed")
    fleet.commit("feat: another name")
    services, read = load(fleet)
    assert read == ["services/renamed/service.yaml"]
    assert services["renamed"].source.file == "services/renamed/service.yaml"


def test_other_stages_make_all_files_new_because_settings_are_checked_against_them(fleet: Fleet) -> None:
    load(fleet)
    with pytest.raises(ConfigurationErrors, match="3 errors in 3 files"):
        load(fleet, stages=["dev", "qa"])
    _, read = load(fleet, stages=[*STAGES, "canary"])
    assert len(read) == 3


def test_code_that_changed_beside_the_configuration_reads_nothing_again(fleet: Fleet) -> None:
    load(fleet)
    fleet.commit("feat: code", {"services/service-1/handler.py": "x = 1\n"})
    assert load(fleet)[1] == []


@pytest.mark.parametrize(
    "breaks",
    [
        {"services/service-1/service.yaml": TEXT.replace("team: backend", "taem: backend")},
        {"services/service-1/service.yaml": TEXT.replace("price-fetcher", "service-0")},
        {"services/service-3/service.yaml": TEXT.replace("price-fetcher", "service-2")},
        {"services/a/service.yaml": TEXT.replace("price-fetcher", "service-0")},  # before those remembered
        {"services/service-1/service.yml": TEXT},
        {"services/SERVICE-1/service.yaml": TEXT},
    ],
)
def test_errors_are_the_same_whether_or_not_anything_is_remembered(
    fleet: Fleet, breaks: dict[str, str]
) -> None:
    load(fleet)
    before = kept(fleet)
    fleet.commit("feat: break it", breaks)
    with pytest.raises(ConfigurationErrors) as expected:
        load_services(as_bytes(texts() | breaks), STAGES)
    for _ in range(2):
        with pytest.raises(ConfigurationErrors) as found:
            load(fleet)
        assert found.value.details == expected.value.details
    assert kept(fleet) == before, "a fleet with an error was remembered"


def test_values_of_every_kind_come_back_as_they_were(fleet: Fleet) -> None:
    path = "services/service-1/service.yaml"
    odd = (
        "smoke: {payload: {a: [1, true, null, {b: {}}], ü: '\\n', n: -9007199254740991}, critical: [],"
        " expect: {ok: false}}\n"
    )
    text = texts()[path].split("smoke:")[0] + odd
    fleet.commit("feat: payload", {path: text})
    first = load(fleet)[0]
    again, read = load(fleet)
    assert read == []
    assert repr(first) == repr(again)  # equality alone takes a list for a tuple's like, and 1 for True
    assert first == again


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a flipped bit": lambda path: path.write_bytes(path.read_bytes().replace(b"arm64", b"arm65", 1)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: (path.rename(path.with_name("elsewhere")), path.symlink_to("elsewhere")),
    "writable by others": lambda path: path.chmod(0o666),
    "not readable": lambda path: path.chmod(0),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_or_may_be_somebody_elses_is_not_believed(fleet: Fleet, damage: str) -> None:
    expected, _ = load(fleet)
    (path,) = kept(fleet)
    DAMAGE[damage](path)
    services, read = load(fleet)
    assert services == expected
    if damage != "not readable" or os.geteuid() != 0:  # root reads everything
        assert len(read) == 3


@pytest.mark.parametrize("document", [b"[]", b"{", b"null", b'{"services": {"x": 1}}', b"[" * 100_000])
def test_what_is_whole_but_means_nothing_is_not_believed(fleet: Fleet, document: bytes) -> None:
    expected, _ = load(fleet)
    (path,) = kept(fleet)
    GitRepo.open(fleet.clone).remember("services", path.name.partition("-")[2], document)
    services, read = load(fleet)
    assert services == expected
    assert len(read) == 3


def test_a_row_that_is_none_of_ours_is_read_again(fleet: Fleet) -> None:
    expected, _ = load(fleet)
    (path,) = kept(fleet)
    document = json.loads(path.read_bytes()[32:])
    document["services"]["services/service-1/service.yaml"][1] = ["too", "short"]
    repo = GitRepo.open(fleet.clone)
    repo.remember("services", path.name.partition("-")[2], json.dumps(document).encode())
    assert load(fleet) == (expected, list(texts()))


def test_what_another_version_of_the_reader_remembered_does_not_count(fleet: Fleet) -> None:
    load(fleet)
    (path,) = kept(fleet)
    document = json.loads(path.read_bytes()[32:])
    assert len(document["reader"]) == 64
    document["reader"] = "0" * 64
    repo = GitRepo.open(fleet.clone)
    repo.remember("services", path.name.partition("-")[2], json.dumps(document).encode())
    assert len(load(fleet)[1]) == 3


def test_a_clone_that_cannot_be_written_is_read_every_time(fleet: Fleet) -> None:
    blocked = fleet.clone / ".git" / "release"
    blocked.write_text("a file where the folder should be")
    for _ in range(2):
        services, read = load(fleet)
        assert len(services) == len(read) == 3


def test_a_linked_work_tree_shares_what_its_clone_remembers(fleet: Fleet) -> None:
    load(fleet)
    linked = fleet.folder / "linked"
    fleet.git("worktree", "add", "--quiet", "--detach", str(linked))
    repo = Watched(linked)
    files = service_files(repo, repo.resolve("HEAD"))  # type: ignore[arg-type]
    load_committed(repo, files.blobs, STAGES, files.odd)  # type: ignore[arg-type]
    assert repo.read == []


def test_what_is_remembered_is_bounded_private_and_outside_the_work_tree(fleet: Fleet) -> None:
    path = "services/service-1/service.yaml"
    for memory in range(200, 207):
        fleet.commit("feat: memory", {path: texts()[path].replace("memory: 256", f"memory: {memory}")})
        load(fleet)
    assert len(kept(fleet)) == 4
    assert fleet.git("status", "--porcelain") == ""
    for file in kept(fleet):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    abandoned = fleet.clone / ".git" / "release" / "new-killed"
    abandoned.write_text("half")
    os.utime(abandoned, (1, 1))
    fleet.commit("feat: memory", {path: texts()[path]})
    load(fleet, stages=[*STAGES, "more"])
    assert not abandoned.exists()


def _loads(folder: str) -> int:
    fleet = Fleet(Path(folder))
    for turn in range(6):
        services, _ = load(fleet, f"HEAD~{turn % 3}")
        assert len(services) == 3
    return len(services)


def test_many_processes_at_once_do_not_disturb_each_other(fleet: Fleet) -> None:
    path = "services/service-1/service.yaml"
    for memory in range(200, 203):
        fleet.commit("feat: memory", {path: texts()[path].replace("memory: 256", f"memory: {memory}")})
    with ProcessPoolExecutor(4) as pool:
        assert list(pool.map(_loads, [str(fleet.folder)] * 8)) == [3] * 8
    assert {file.name.partition("-")[0] for file in kept(fleet)} == {"services"}
