"""A release is built again and compared, file by file: real git, a real store, a real builder."""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.adapters.artifacts_folder import FolderArtifacts
from release.build.archive import Archive, Member, archive, content_digest, read_zip, write_zip
from release.build.python import PythonBuilder, Source
from release.build.target import LAMBDA, Target
from release.build.verify import Check, verify_release
from release.core.manifest import Manifest
from release.core.models import Service
from release.errors import Misconfigured
from tests.build import fleet
from tests.build.plain_repo import PlainRepo
from tests.build.test_release_build import build

HOST = Target.named("host")


@pytest.fixture
def repo(tmp_path: Path) -> PlainRepo:
    return PlainRepo.create(tmp_path / "repo")


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "store")


def verify(
    repo: PlainRepo, store: FolderArtifacts, manifest: Manifest, *services: Service, builder: Any = None
) -> tuple[Check, ...]:
    return verify_release(
        repo,  # type: ignore[arg-type]
        store,
        manifest,
        {one.name: one for one in services or (fleet.service(),)},
        host=HOST,
        builder=builder or PythonBuilder(cache=None),
    )


def with_members(change: Callable[[tuple[Member, ...]], list[Member]]) -> Callable[[Source], Archive]:
    """A builder whose archives are changed like this: a tool that has changed, or an attacker."""

    def builder(source: Source) -> Archive:
        made = PythonBuilder(cache=None)(source)
        return archive(change(read_zip(made.data, origin="")), of="orders")

    return builder


def without(members: tuple[Member, ...], path: str) -> list[Member]:
    return [one for one in members if one.path != path]


def a_file(path: str, text: str, *, executable: bool = False) -> Member:
    return Member.of(path, text.encode(), executable=executable, origin="")


def test_a_release_that_builds_to_the_same_bytes_is_verified(repo: PlainRepo, store: FolderArtifacts) -> None:
    services = (fleet.service("orders"), fleet.service("prices"))
    built = build(repo, store, repo.commit(fleet.files("orders") | fleet.files("prices")), *services)
    before = sorted(store.folder.rglob("*"))
    checks = verify(repo, store, built.manifest, *services)
    assert [(one.service, one.outcome, one.detail) for one in checks] == [
        ("orders", "same", ""),
        ("prices", "same", ""),
    ]
    assert [one.artifact for one in checks] == [one.entry.artifact for one in checks]
    assert sorted(store.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda members: [
                *without(members, "orders/handler.py"),
                a_file("orders/handler.py", "import os\n"),
            ],
            "orders/handler.py has other bytes",
        ),
        (
            lambda members: [
                *without(members, "orders/__init__.py"),
                a_file("orders/__init__.py", "", executable=True),
            ],
            "orders/__init__.py has another mode",
        ),
        (
            lambda members: without(members, "orders/handler.py"),
            "orders/handler.py is missing in the new build",
        ),
        (lambda members: [*members, a_file("z.py", "")], "z.py is in the new build alone"),
        (
            lambda members: [*without(members, "orders/handler.py"), a_file("a.py", "")],
            "a.py is in the new build alone, and 1 more differ",
        ),
    ],
    ids=["content", "mode", "missing", "extra", "two"],
)
def test_the_first_file_that_differs_is_named(
    repo: PlainRepo, store: FolderArtifacts, change: Any, said: str
) -> None:
    manifest = build(repo, store, repo.commit(fleet.files())).manifest
    (check,) = verify(repo, store, manifest, builder=with_members(change))
    assert (check.outcome, check.detail) == ("differs", said)


def test_bytes_that_only_deflate_makes_differ_are_the_same_content(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    manifest = build(repo, store, repo.commit(fleet.files())).manifest

    def another_deflate(source: Source) -> Archive:
        members = read_zip(PythonBuilder(cache=None)(source).data, origin="")
        with zipfile.ZipFile(store.folder / f"zip/{manifest.services['orders'].artifact}.zip") as opened:
            stored = [replace(one, deflated=False, data=opened.read(one.path)) for one in members]
        data = write_zip(stored)
        return Archive(data, "f" * 64, content_digest(stored), 1, "another zlib")

    (check,) = verify(repo, store, manifest, builder=another_deflate)
    version = zlib.ZLIB_RUNTIME_VERSION
    assert check.outcome == "same-content"
    assert check.detail == f"only deflate differs: zlib {version} then, {version} now"


def test_a_manifest_that_says_something_else_than_its_zip_is_no_release(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    built = build(repo, store, repo.commit(fleet.files())).manifest
    forged = replace(built, services={"orders": replace(built.services["orders"], content="0" * 64)})
    (check,) = verify(repo, store, forged)
    assert (check.outcome, check.detail) == ("differs", "the stored zip does not hold what the manifest says")


def test_a_service_that_its_commit_does_not_have_differs(repo: PlainRepo, store: FolderArtifacts) -> None:
    built = build(repo, store, repo.commit(fleet.files())).manifest
    entry = built.services["orders"]
    checks = verify(repo, store, replace(built, services={"orders": entry, "smuggled": entry}))
    assert [(one.service, one.outcome) for one in checks] == [("orders", "same"), ("smuggled", "differs")]


def test_an_artifact_that_is_lost_cannot_be_verified(repo: PlainRepo, store: FolderArtifacts) -> None:
    manifest = build(repo, store, repo.commit(fleet.files())).manifest
    (store.folder / f"zip/{manifest.services['orders'].artifact}.zip").unlink()
    with pytest.raises(Misconfigured, match=r"the zip \w+ is lost"):
        verify(repo, store, manifest)


def test_a_release_for_this_machine_is_verified_on_it(repo: PlainRepo, store: FolderArtifacts) -> None:
    manifest = build(repo, store, repo.commit(fleet.files()), target=HOST).manifest
    assert [one.outcome for one in verify(repo, store, manifest)] == ["same"]


def test_a_release_for_another_machine_says_where_to_verify_it(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    manifest = build(repo, store, repo.commit(fleet.files()), target=Target("host:3.9-plan9")).manifest
    with pytest.raises(Misconfigured, match=r"built for host:3\.9-plan9, and only there"):
        verify(repo, store, manifest)
    assert LAMBDA.name == "lambda"


def test_every_service_that_cannot_be_built_again_is_named(repo: PlainRepo, store: FolderArtifacts) -> None:
    services = (fleet.service("orders"), fleet.service("prices"))
    built = build(repo, store, repo.commit(fleet.files("orders") | fleet.files("prices")), *services)

    def builder(source: Source) -> Archive:
        raise Misconfigured(f"no {source.service.name}", fix="x")

    with pytest.raises(Misconfigured, match="2 errors in orders, prices"):
        verify(repo, store, built.manifest, *services, builder=builder)
