"""A commit becomes a manifest: real git, real uv, a real store in a folder."""

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.adapters.artifacts_folder import FolderArtifacts
from release.adapters.templates import CloudFormationTemplates
from release.build.archive import Archive
from release.build.documents import load_manifest, load_settings, load_template
from release.build.python import PythonBuilder, Source
from release.build.release_build import BuildResult, build_release
from release.build.target import LAMBDA, Target
from release.core.models import Service, Settings
from release.errors import Misconfigured, Unavailable
from tests.build import fleet
from tests.build.fleet import CountingBuilder, Wheels
from tests.build.plain_repo import PlainRepo


@pytest.fixture
def repo(tmp_path: Path) -> PlainRepo:
    return PlainRepo.create(tmp_path / "repo")


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "store")


class Unusable:
    """Stands for everything that a finished build must not touch again."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was used although everything is built")


def build(
    repo: Any, store: Any, commit: str, *services: Service, builder: Any = None, **changed: Any
) -> BuildResult:
    facts: dict[str, Any] = {
        "pipeline": fleet.pipeline(),
        "services": {one.name: one for one in services or (fleet.service(),)},
        "alias": "live",
        "target": LAMBDA,
        "templates": CloudFormationTemplates({}),
    }
    return build_release(
        repo, store, commit=commit, builder=builder or PythonBuilder(cache=None), **(facts | changed)
    )


def unzipped(store: FolderArtifacts, digest: str) -> Mapping[str, str]:
    with zipfile.ZipFile(store.folder / f"zip/{digest}.zip") as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def test_the_zip_is_the_service_the_shared_core_and_its_dependencies(
    repo: PlainRepo, store: FolderArtifacts, wheels: Wheels
) -> None:
    commit = repo.commit(fleet.files(lock=wheels.add("thing")))
    entry = build(repo, store, commit).manifest.services["orders"]
    assert list(unzipped(store, entry.artifact)) == [
        "common/__init__.py",
        "common/log.py",
        "orders/__init__.py",
        "orders/handler.py",
        "thing-1.0.dist-info/METADATA",
        "thing-1.0.dist-info/WHEEL",
        "thing.py",
    ]
    assert entry.size == (store.folder / f"zip/{entry.artifact}.zip").stat().st_size
    assert (entry.target, entry.runtime, entry.architecture) == ("lambda", "python3.13", "arm64")


def test_the_artifact_is_the_commits_bytes_whatever_the_work_tree_says(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    commit = repo.commit(fleet.files())
    (repo.top / "services/orders/orders/handler.py").write_text("dirty")
    (repo.top / "services/orders/orders/new.py").write_text("untracked")
    (repo.top / "services/orders/template.yaml.j2").write_text("dirty")
    entry = build(repo, store, commit).manifest.services["orders"]
    files = unzipped(store, entry.artifact)
    assert "dirty" not in files["orders/handler.py"]
    assert "orders/new.py" not in files


def test_every_stage_has_its_template_and_its_settings(repo: PlainRepo, store: FolderArtifacts) -> None:
    service = fleet.service(
        settings=Settings(memory=256, environment={"COLOUR": "hidden-1"}, secrets={"KEY": "arn:hidden-2"})
    )
    result = build(repo, store, repo.commit(fleet.files()), service)
    stages = load_manifest(store, result.digest).services["orders"].stages
    assert set(stages) == {"qa", "prod"}
    settings = load_settings(store, stages["prod"].settings)
    assert (settings.service, settings.stage, settings.stack) == ("orders", "prod", "orders-prod")
    assert [(f.key, f.name) for f in settings.functions] == [("api", "orders-prod")]
    assert settings.values["environment"] == ["COLOUR"]
    assert "FunctionName: orders-qa" in load_template(store, stages["qa"].template)


def test_no_document_that_may_be_shown_has_a_value_of_the_environment(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    service = fleet.service(settings=Settings(environment={"A": "hidden-1"}, secrets={"B": "hidden-2"}))
    build(repo, store, repo.commit(fleet.files()), service)
    for kind in ("settings", "manifest", "index"):
        for path in (store.folder / kind).rglob("*"):
            assert path.is_dir() or b"hidden" not in path.read_bytes()


def test_a_commit_that_has_a_manifest_is_not_looked_at_again(repo: PlainRepo, store: FolderArtifacts) -> None:
    commit = repo.commit(fleet.files())
    first = build(repo, store, commit)
    again = build(Unusable(), store, commit, builder=Unusable(), templates=Unusable())
    assert (again.digest, again.manifest) == (first.digest, first.manifest)
    assert [result.outcome for result in again.services] == ["reused"]


def test_a_manifest_that_is_lost_is_an_error_and_is_not_made_again(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    commit = repo.commit(fleet.files())
    (store.folder / f"manifest/{build(repo, store, commit).digest}").unlink()
    with pytest.raises(Misconfigured, match=r"the manifest \w+ is lost"):
        build(repo, store, commit)


def test_only_the_service_that_changed_is_built(repo: PlainRepo, store: FolderArtifacts) -> None:
    services = (fleet.service("orders"), fleet.service("prices"))
    first = build(repo, store, repo.commit(fleet.files("orders") | fleet.files("prices")), *services)
    builder = CountingBuilder()
    commit = repo.commit({"services/orders/orders/handler.py": "# changed\n", "README.md": "unrelated"})
    second = build(repo, store, commit, *services, builder=builder)
    assert [source.service.name for source in builder.sources] == ["orders"]
    assert {r.service: r.outcome for r in second.services} == {"orders": "built", "prices": "reused"}
    assert second.manifest.services["prices"] == first.manifest.services["prices"]
    assert second.manifest.services["orders"].artifact != first.manifest.services["orders"].artifact


def test_a_change_that_enters_no_artifact_builds_nothing(repo: PlainRepo, store: FolderArtifacts) -> None:
    first = build(repo, store, repo.commit(fleet.files()))
    commit = repo.commit({"services/orders/README.md": "words", "services/orders/tests/test_x.py": ""})
    second = build(repo, store, commit, builder=Unusable())
    assert second.manifest.services == first.manifest.services
    assert second.digest != first.digest


def test_a_change_of_a_shared_module_builds_those_that_import_it(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    services = (fleet.service("orders"), fleet.service("prices"))
    build(repo, store, repo.commit(fleet.files("orders") | fleet.files("prices")), *services)
    second = build(repo, store, repo.commit({"services/common/log.py": "LEVEL = 'DEBUG'\n"}), *services)
    assert [result.outcome for result in second.services] == ["built", "built"]
    third = build(repo, store, repo.commit({"services/common/other.py": "LEVEL = 'INFO'\n"}), *services)
    assert [result.outcome for result in third.services] == ["reused", "reused"]
    only = {"services/prices/prices/handler.py": "from common.other import LEVEL\n"}
    fourth = build(repo, store, repo.commit(only), *services)
    assert [result.outcome for result in fourth.services] == ["reused", "built"]


def test_code_that_comes_back_is_not_built_again(repo: PlainRepo, store: FolderArtifacts) -> None:
    first = build(repo, store, repo.commit(fleet.files()))
    build(repo, store, repo.commit({"services/orders/orders/handler.py": "# other\n"}))
    back = repo.commit(fleet.files())
    third = build(repo, store, back, builder=Unusable())
    assert third.manifest.services["orders"].artifact == first.manifest.services["orders"].artifact


def test_an_artifact_that_was_lost_is_an_error_not_a_rebuild(repo: PlainRepo, store: FolderArtifacts) -> None:
    first = build(repo, store, repo.commit(fleet.files()))
    (store.folder / f"zip/{first.manifest.services['orders'].artifact}.zip").unlink()
    with pytest.raises(Misconfigured, match=r"the zip \w+ is lost"):
        build(repo, store, repo.commit({"README.md": "next"}))


def test_a_build_for_this_machine_is_another_release(repo: PlainRepo, store: FolderArtifacts) -> None:
    commit = repo.commit(fleet.files())
    host = build(repo, store, commit, target=Target.named("host"))
    assert host.digest != build(repo, store, commit).digest
    assert host.manifest.services["orders"].target.startswith("host:")


class Racing:
    """A builder in whose time somebody else finishes the same fingerprint, with other bytes."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __call__(self, source: Source) -> Archive:
        self.act()
        return PythonBuilder(cache=None)(source)


def test_the_loser_of_a_race_uses_the_bytes_of_the_winner(repo: PlainRepo, store: FolderArtifacts) -> None:
    commit = repo.commit(fleet.files())

    def other_zlib(source: Source) -> Archive:
        made = PythonBuilder(cache=None)(source)
        return Archive(
            made.data + b"other", store.put(made.data + b"other", kind="zip"), made.content, 1, "0"
        )

    winner: list[BuildResult] = []
    loser = build(
        repo,
        store,
        commit,
        builder=Racing(lambda: winner.append(build(repo, store, commit, builder=other_zlib))),
    )
    assert loser.manifest == winner[0].manifest
    assert loser.digest == winner[0].digest == store.index("manifests", f"fleet/{commit}/lambda")


def test_builds_of_one_commit_at_once_agree(repo: PlainRepo, store: FolderArtifacts) -> None:
    commit = repo.commit(fleet.files())
    with ThreadPoolExecutor(6) as pool:
        digests = {result.digest for result in pool.map(lambda _: build(repo, store, commit), range(6))}
    assert len(digests) == 1


def test_services_are_built_side_by_side(repo: PlainRepo, store: FolderArtifacts) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core builds one service at a time")
    together = threading.Barrier(2, timeout=20)

    def builder(source: Source) -> Archive:
        together.wait()
        return PythonBuilder(cache=None)(source)

    commit = repo.commit(fleet.files("orders") | fleet.files("prices"))
    build(repo, store, commit, fleet.service("orders"), fleet.service("prices"), builder=builder)


def test_all_errors_of_all_services_are_reported_together(repo: PlainRepo, store: FolderArtifacts) -> None:
    files = (
        fleet.files("alpha") | fleet.files("beta", lock="six\n") | fleet.files("delta") | fleet.files("gamma")
    )
    files["services/alpha/template.yaml.j2"] += "\n# {{ nothing }}\n"
    files["services/delta/delta/Handler.py"] = ""
    services = [fleet.service(name) for name in ("alpha", "beta", "gamma", "delta")]
    with pytest.raises(Misconfigured) as refused:
        build(repo, store, repo.commit(files), *services)
    details = "\n".join(refused.value.details)
    assert refused.value.cause == "3 errors in alpha, beta, delta"
    assert "alpha: 'nothing' is undefined (services/alpha/template.yaml.j2:14)" in details
    assert "services/beta/requirements.txt:1: 'six' is not pinned" in details
    assert "equal but for case" in details
    assert not (store.folder / "manifest").exists()


def test_what_was_built_beside_an_error_is_not_built_again(repo: PlainRepo, store: FolderArtifacts) -> None:
    services = (fleet.service("alpha"), fleet.service("beta"))
    with pytest.raises(Misconfigured):
        build(repo, store, repo.commit(fleet.files("alpha") | fleet.files("beta", lock="six\n")), *services)
    builder = CountingBuilder()
    build(repo, store, repo.commit({"services/beta/requirements.txt": ""}), *services, builder=builder)
    assert [source.service.name for source in builder.sources] == ["beta"]


def test_trouble_that_may_pass_is_worth_another_try(repo: PlainRepo, store: FolderArtifacts) -> None:
    def builder(source: Source) -> Archive:
        raise Unavailable(f"no network for {source.service.name}", fix="try again")

    commit = repo.commit(fleet.files("alpha") | fleet.files("beta"))
    with pytest.raises(Unavailable, match="2 errors in alpha, beta"):
        build(repo, store, commit, fleet.service("alpha"), fleet.service("beta"), builder=builder)


def test_a_link_out_of_the_service_and_a_submodule_are_refused(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    repo.commit(fleet.files())
    repo.put_entry("120000", b"../../../etc/passwd", "services/orders/orders/link.py")
    head = repo.git("rev-parse", "HEAD").decode().strip()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},services/orders/vendored")
    with pytest.raises(Misconfigured) as refused:
        build(repo, store, repo.commit_index())
    assert len(refused.value.details) == 2


def test_a_link_to_the_shared_core_becomes_its_bytes(repo: PlainRepo, store: FolderArtifacts) -> None:
    repo.commit(fleet.files())
    repo.put_entry("120000", b"../../common/log.py", "services/orders/orders/log.py")
    entry = build(repo, store, repo.commit_index()).manifest.services["orders"]
    assert unzipped(store, entry.artifact)["orders/log.py"] == "LEVEL = 'INFO'\n"


def test_a_large_file_that_git_does_not_have_is_refused(repo: PlainRepo, store: FolderArtifacts) -> None:
    pointer = "version https://git-lfs" + ".github.com/spec/v1\noid sha256:0\nsize 1\n"
    with pytest.raises(Misconfigured, match=r"model\.bin is a pointer of Git LFS"):
        build(repo, store, repo.commit(fleet.files() | {"services/orders/model.bin": pointer}))


def test_a_dependency_in_the_way_of_the_shared_core_is_refused(
    repo: PlainRepo, store: FolderArtifacts, wheels: Wheels
) -> None:
    lock = wheels.add("thing", files={"common/__init__.py": ""})
    with pytest.raises(Misconfigured) as refused:
        build(repo, store, repo.commit(fleet.files(lock=lock)))
    assert refused.value.details == (
        "common/__init__.py: both services/common/__init__.py and services/orders/requirements.txt have it",
    )


@pytest.mark.parametrize("missing", ["services/orders/template.yaml.j2", "services/orders/orders"])
def test_a_commit_that_lacks_the_service_is_refused(
    repo: PlainRepo, store: FolderArtifacts, missing: str
) -> None:
    files = {path: text for path, text in fleet.files().items() if not path.startswith(missing)}
    with pytest.raises(Misconfigured, match="commit"):
        build(repo, store, repo.commit(files))


def test_a_smoke_test_without_a_canonical_form_is_refused(repo: PlainRepo, store: FolderArtifacts) -> None:
    service = fleet.service()
    service = replace(service, smoke=replace(service.smoke, expect={"rate": 0.5}))
    with pytest.raises(Misconfigured, match=r"a float \(0\.5\)"):
        build(repo, store, repo.commit(fleet.files()), service)


def test_progress_tells_what_is_built_and_what_is_reused(repo: PlainRepo, store: FolderArtifacts) -> None:
    heard: list[tuple[str, str]] = []

    def progress(event: str, facts: Mapping[str, Any]) -> None:
        heard.append((event, facts["state"]))

    build(repo, store, repo.commit(fleet.files()), progress=progress)
    build(repo, store, repo.commit({"README.md": "next"}), progress=progress)
    assert heard == [("build", "building"), ("build", "built"), ("build", "reused")]


def test_the_index_says_which_zlib_made_the_bytes(repo: PlainRepo, store: FolderArtifacts) -> None:
    entry = build(repo, store, repo.commit(fleet.files())).manifest.services["orders"]
    text = store.index("fingerprints", entry.fingerprint)
    known = json.loads(text or "")
    assert (known["artifact"], known["content"]) == (entry.artifact, entry.content)
    assert known["zlib"]


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "changed",
    [
        {"artifact": "../../etc/passwd"},
        {"artifact": 3},
        {"content": None},
        {"size": 1.5},
        {"size": "1"},
        {"sbom": None},
        {"zlib": ["1"]},
    ],
)
def test_an_index_entry_that_somebody_changed_is_a_clear_error(
    repo: PlainRepo, store: FolderArtifacts, changed: dict[str, Any]
) -> None:
    entry = build(repo, store, repo.commit(fleet.files())).manifest.services["orders"]
    path = store.folder / f"index/fingerprints/{entry.fingerprint}"
    text = path.read_bytes()
    overwrite(path, json.dumps(json.loads(text) | changed).encode())
    commit = repo.commit({"README.md": "next"})
    with pytest.raises(Misconfigured, match="index entry of the fingerprint"):
        build(repo, store, commit)
    overwrite(path, text)
    assert build(repo, store, commit).manifest.services["orders"].artifact == entry.artifact


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[" * 100_000])
def test_an_index_entry_that_is_none_is_a_clear_error(
    repo: PlainRepo, store: FolderArtifacts, data: bytes
) -> None:
    entry = build(repo, store, repo.commit(fleet.files())).manifest.services["orders"]
    overwrite(store.folder / f"index/fingerprints/{entry.fingerprint}", data)
    with pytest.raises(Misconfigured, match="index entry of the fingerprint"):
        build(repo, store, repo.commit({"README.md": "next"}))


def test_an_index_that_names_the_manifest_of_another_commit_is_refused(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    first = build(repo, store, repo.commit(fleet.files()))
    commit = repo.commit({"services/orders/orders/handler.py": "x = 1"})
    build(repo, store, commit)
    index = store.folder / f"index/manifests/fleet/{commit}/lambda"
    overwrite(index, first.digest.encode())
    with pytest.raises(Misconfigured, match=f"is of fleet and commit {first.manifest.commit[:10]}"):
        build(repo, store, commit)
    overwrite(index, b"nonsense")
    with pytest.raises(Misconfigured, match="the manifest nonsense cannot be read"):
        build(repo, store, commit)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(commit="--upload-pack=/bin/sh"),
        lambda data: data["services"]["orders"].update(artifact="../../x"),
        lambda data: data["services"]["orders"].update(sbom=1),
        lambda data: data["services"]["orders"]["stages"]["qa"].update(template="x"),
        lambda data: data["services"].update(orders=[]),
    ],
)
def test_a_manifest_that_names_no_bytes_or_commit_is_refused(
    repo: PlainRepo, store: FolderArtifacts, change: Callable[[Any], None]
) -> None:
    data = json.loads(build(repo, store, repo.commit(fleet.files())).manifest.to_bytes())
    change(data)
    digest = store.put(json.dumps(data).encode(), kind="manifest")
    with pytest.raises(Misconfigured, match="not a manifest"):
        load_manifest(store, digest)


def test_a_damaged_artifact_is_not_used_again(repo: PlainRepo, store: FolderArtifacts) -> None:
    built = build(repo, store, repo.commit(fleet.files()))
    path = store.folder / f"zip/{built.services[0].artifact}.zip"
    overwrite(path, path.read_bytes()[:-1])
    commit = repo.commit({"README.md": "next"})
    with pytest.raises(Misconfigured, match=f"{path} is damaged"):
        build(repo, FolderArtifacts(store.folder), commit)


JITTER = """
import os, sys
os.umask(int(sys.argv[4], 8))
from pathlib import Path
from release.adapters.artifacts_folder import FolderArtifacts
from tests.build.plain_repo import PlainRepo
from tests.build.test_release_build import build
from release.errors import ReleaseError
try:
    result = build(PlainRepo(Path(sys.argv[1])), FolderArtifacts(Path(sys.argv[2])), sys.argv[3])
except ReleaseError as error:
    sys.exit("\\n".join([error.cause, *error.details]))
print(result.manifest.services["orders"].artifact, result.digest)
"""


def test_builds_on_different_machines_give_the_same_bytes(
    repo: PlainRepo, tmp_path: Path, wheels: Wheels
) -> None:
    """Other folder, umask, time zone, locale, hash seed, order of files and time: one sha256."""
    package = {f"thing/{name}.py": f"NAME = {name!r}\n" * 20 for name in ("b", "a", "größe", "C")}
    commit = repo.commit(
        fleet.files(lock=wheels.add("thing", script=True, files=package)),
        executable=["services/orders/orders/__init__.py"],
    )
    said = set()
    for number, (umask, zone, locale) in enumerate(
        [("022", "UTC", "C"), ("077", "Asia/Tokyo", "C.UTF-8"), ("000", "America/New_York", "POSIX")]
    ):
        folder = tmp_path / f"machine {number}"
        folder.mkdir()
        clone = folder / "clone"
        repo.git("clone", "-q", str(repo.top), str(clone))
        environment = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("UV_") or name in ("PATH", "HOME")
        }
        ended = subprocess.run(
            [sys.executable, "-c", JITTER, str(clone), str(folder / "store"), commit, umask],
            cwd=folder,
            env=environment
            | {"TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": str(number + 1), "TMPDIR": str(folder)}
            | {"PYTHONPATH": str(Path(__file__).parents[2]), "UV_CACHE_DIR": str(folder / "uv-cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        said.add(ended.stdout)
        time.sleep(1.1)  # longer than the clock of a file system; a zip's own has steps of 2 s
    assert len(said) == 1
