"""What of a commit enters an artifact: real git trees, nothing is built."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.build.sources import CommitSources, Prepared, look_at, prepare, read_commit
from release.build.target import LAMBDA
from release.core.models import Build, Service
from release.errors import Misconfigured
from release.ports import Repo
from tests.build import fleet
from tests.build.plain_repo import PlainRepo

FAR = {"services/common/far.py": ""}


@pytest.fixture
def repo(tmp_path: Path) -> PlainRepo:
    return PlainRepo.create(tmp_path / "repo")


def typed(repo: Any) -> Repo:
    """PlainRepo is the part of the port that is read here."""
    found: Repo = repo
    return found


def read(repo: Any, commit: str, service: Service) -> CommitSources:
    return read_commit(repo, commit, {"orders": service})


def looked_at(repo: PlainRepo, more: Mapping[str, str], *include: str) -> Prepared:
    plain = fleet.service()
    service = replace(plain, build=replace(plain.build, include=include))
    commit = repo.commit(fleet.files() | dict(more))
    return look_at(service, read(repo, commit, service), LAMBDA)


def paths(prepared: Prepared) -> set[str]:
    assert not prepared.problems
    return {file.path for file in prepared.files}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("services/common/plugins/eu.py", "from common import far"),
        ("services/common/plugins/eu.py", "from .. import far"),
        ("services/orders/seed/eu.py", "import common.far"),
        ("shared/eu.py", "import common.far"),
    ],
)
def test_what_an_included_file_imports_is_taken_with_it(repo: PlainRepo, path: str, text: str) -> None:
    found = looked_at(repo, FAR | {path: text}, path)
    assert "common/far.py" in paths(found)
    changed = looked_at(repo, FAR | {path: text, "services/common/far.py": "x = 1"}, path)
    assert changed.fingerprint != found.fingerprint


def test_what_a_linked_file_imports_is_taken_with_it(repo: PlainRepo) -> None:
    looked_at(repo, FAR | {"services/common/eu.py": "import common.far"})
    repo.put_entry("120000", b"../../common/eu.py", "services/orders/orders/eu.py")
    commit = repo.commit_index()
    service = fleet.service()
    found = look_at(service, read(repo, commit, service), LAMBDA)
    assert {"orders/eu.py", "common/far.py"} <= paths(found)


@pytest.mark.parametrize(("command", "alike"), [(("make",), False), (None, True)])
def test_a_command_may_build_something_else_of_the_same_files_for_another_service(
    repo: PlainRepo, command: tuple[str, ...] | None, alike: bool
) -> None:
    build = Build(command=command, output="dist" if command else None)
    names = ("one", "two")
    commit = repo.commit({f"services/{name}/handler.py": "x = 1" for name in names})
    services = {name: replace(fleet.service(name), build=build) for name in names}
    sources = read_commit(typed(repo), commit, services)
    one, two = (look_at(services[name], sources, LAMBDA) for name in names)
    assert (one.fingerprint == two.fingerprint) is alike


def test_an_included_file_that_imports_what_is_not_there_is_named(repo: PlainRepo) -> None:
    found = looked_at(repo, {"shared/eu.py": "\nimport common.gone"}, "shared/*.py")
    assert found.problems == ("shared/eu.py:2: imports common.gone, which finds nothing in services/common",)


@pytest.mark.parametrize("path", ["common.py", "common/x.json", "common.abi3.so"])
def test_a_file_that_hides_the_shared_core_is_refused(repo: PlainRepo, path: str) -> None:
    found = looked_at(repo, {f"services/orders/{path}": ""})
    assert found.problems == (
        "services/orders/common: hides the shared core from this service; give it another name",
    )


@pytest.mark.parametrize("path", ["common.pyi", "common.json", "orders/common.py", "commons.py"])
def test_a_file_that_is_only_called_like_it_is_not(repo: PlainRepo, path: str) -> None:
    assert path in paths(looked_at(repo, {f"services/orders/{path}": ""}))


def test_what_this_python_cannot_parse_may_be_right_for_the_runtime(repo: PlainRepo) -> None:
    text = {"services/orders/orders/new.py": "import common.log\ntype X = = int\n"}
    service = fleet.service(runtime="python3.14")
    commit = repo.commit(fleet.files() | text)
    with pytest.raises(Misconfigured) as refused:
        prepare(service, read(repo, commit, service), LAMBDA)
    assert refused.value.details == ("services/orders/orders/new.py:2: cannot be parsed: invalid syntax",)
    assert "where it is right for python3.14, run release with that Python" in refused.value.fix
