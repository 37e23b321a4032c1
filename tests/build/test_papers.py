"""The bill of materials and the provenance of an artifact: held to CycloneDX's schema, and to its bytes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release.adapters.artifacts_folder import FolderArtifacts
from release.build.archive import Archive, Member, archive
from release.build.papers import accepted_hashes
from release.build.python import PythonBuilder, Source
from release.core import canonical
from release.core.components import SPDX_IDS, Built, Component, Hash, Licence
from release.core.models import Build
from release.core.sbom import document
from release.errors import Misconfigured
from tests.build import fleet
from tests.build.fleet import Wheels
from tests.build.plain_repo import PlainRepo
from tests.build.test_release_build import build


@pytest.fixture
def repo(tmp_path: Path) -> PlainRepo:
    return PlainRepo.create(tmp_path / "repo")


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "store")


VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)  # one for all: it takes a while to read the schema


def assert_is_cyclonedx(data: bytes) -> None:
    problem = VALIDATOR.validate_str(data.decode())
    assert problem is None, str(problem)


def made(repo: PlainRepo, store: FolderArtifacts, commit: str, **changed: Any) -> tuple[Any, Any, Any]:
    """The entry of `orders`, its SBOM and its provenance, as the store has them."""
    entry = build(repo, store, commit, **changed).manifest.services["orders"]
    assert entry.sbom and entry.provenance
    sbom = store.get(entry.sbom, kind="sbom")
    assert_is_cyclonedx(sbom)
    return entry, json.loads(sbom), json.loads(store.get(entry.provenance, kind="provenance"))


def test_the_bill_of_materials_names_what_was_installed_and_what_the_lock_accepts(
    repo: PlainRepo, store: FolderArtifacts, wheels: Wheels
) -> None:
    thing, other = wheels.add("thing", requires="other-thing"), wheels.add("other_thing")
    lock = f"{thing} --hash=sha256:{'0' * 64}\n{other}\n"
    entry, sbom, _ = made(repo, store, repo.commit(fleet.files(lock=lock)))

    assert {one["purl"] for one in sbom["components"]} == {"pkg:pypi/thing@1.0", "pkg:pypi/other-thing@1.0"}
    single, double = sorted(sbom["components"], key=lambda one: one["name"])
    assert [one["alg"] for one in single["hashes"]] == ["SHA-256"]
    (several,) = double["externalReferences"]
    assert {one["content"] for one in several["hashes"]} >= {"0" * 64}
    depends = {one["ref"]: one["dependsOn"] for one in sbom["dependencies"]}
    assert depends["pkg:pypi/thing@1.0"] == ["pkg:pypi/other-thing@1.0"]
    assert sbom["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": entry.artifact}]
    assert sbom["compositions"][0]["aggregate"] == "complete"


def test_the_reader_of_cyclonedx_reads_ours(repo: PlainRepo, store: FolderArtifacts, wheels: Wheels) -> None:
    _, sbom, _ = made(repo, store, repo.commit(fleet.files(lock=wheels.add("thing"))))
    read = Bom.from_json(sbom)  # type: ignore[attr-defined]
    assert [(one.name, one.version, str(one.purl)) for one in read.components] == [
        ("thing", "1.0", "pkg:pypi/thing@1.0")
    ]
    assert f"urn:uuid:{read.serial_number}" == sbom["serialNumber"]
    assert read.validate()


def test_what_a_marker_left_out_is_in_no_bill(
    repo: PlainRepo, store: FolderArtifacts, wheels: Wheels
) -> None:
    absent = wheels.add("absent").replace(" --hash", ' ; sys_platform == "win32" --hash')
    _, sbom, _ = made(repo, store, repo.commit(fleet.files(lock=f"{wheels.add('thing')}\n{absent}\n")))
    assert [one["name"] for one in sbom["components"]] == ["thing"]


def test_the_provenance_names_subject_commit_lock_and_packages(
    repo: PlainRepo, store: FolderArtifacts, wheels: Wheels
) -> None:
    lock = wheels.add("thing")
    commit = repo.commit(fleet.files(lock=lock))
    entry, _, stated = made(repo, store, commit)

    assert (stated["_type"], stated["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert stated["subject"] == [{"name": "orders.zip", "digest": {"sha256": entry.artifact}}]
    definition = stated["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"commit": commit, "pipeline": "fleet", "service": "orders"}
    assert definition["internalParameters"]["fingerprint"] == entry.fingerprint
    of_git, of_lock, package = definition["resolvedDependencies"]
    assert of_git["digest"] == {"gitCommit": commit}
    path = "services/orders/requirements.txt"
    assert of_lock == {
        "name": path,
        "digest": {
            "gitBlob": repo.git("rev-parse", f"{commit}:{path}").decode().strip(),
            "sha256": canonical.sha256(lock.encode()),
        },
    }
    assert package == {"uri": "pkg:pypi/thing@1.0", "digest": {"sha256": lock.rpartition(":")[2]}}
    versions = stated["predicate"]["runDetails"]["builder"]["version"]
    assert set(versions) == {"lambda-release", "python", "uv", "zlib"}


def test_an_artifact_that_is_reused_keeps_its_papers(repo: PlainRepo, store: FolderArtifacts) -> None:
    first, _, stated = made(repo, store, repo.commit(fleet.files()))
    second, _, again = made(repo, store, repo.commit({"README.md": "next"}))
    assert (second.sbom, second.provenance) == (first.sbom, first.provenance)
    assert again == stated


def test_the_loser_of_a_race_uses_the_papers_of_the_winner(repo: PlainRepo, store: FolderArtifacts) -> None:
    """Two commits with one fingerprint at the same time: each would name its own commit."""
    first = repo.commit(fleet.files())
    second = repo.commit({"README.md": "next"})
    winner = []

    def builder(source: Source) -> Archive:
        if not winner:
            winner.append(None)
            winner[0] = build(repo, store, first).manifest.services["orders"]
        return PythonBuilder(cache=None)(source)

    loser = build(repo, store, second, builder=builder).manifest.services["orders"]
    assert loser.provenance == winner[0].provenance  # type: ignore[attr-defined]


PACKAGE_LOCK = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "orders"},
        "node_modules/@acme/rates": {
            "version": "2.0.0",
            "integrity": "sha512-" + "A" * 86 + "==",
            "license": "MIT",
            "dependencies": {"left": "^1"},
        },
        "node_modules/@acme/rates/node_modules/left": {"version": "1.0.0", "license": "(MIT OR Apache-2.0)"},
        "node_modules/esbuild": {"version": "0.25.0", "dev": True},
    },
}


def any_zip(source: Source) -> Archive:
    return archive([Member.of("index.js", b"exports", executable=False, origin="dist")], of="orders")


def test_a_node_service_lists_what_its_bundle_may_hold(repo: PlainRepo, store: FolderArtifacts) -> None:
    files = {path: text for path, text in fleet.files().items() if "common" not in path}
    commit = repo.commit(files | {"services/orders/package-lock.json": json.dumps(PACKAGE_LOCK)})
    service = fleet.service(runtime="nodejs22.x")
    entry = build(repo, store, commit, service, builder=any_zip).manifest.services["orders"]
    data = store.get(entry.sbom or "", kind="sbom")
    assert_is_cyclonedx(data)
    sbom = json.loads(data)
    assert [one["purl"] for one in sbom["components"]] == [
        "pkg:npm/%40acme/rates@2.0.0",
        "pkg:npm/left@1.0.0",
    ]
    assert sbom["components"][0]["hashes"] == [{"alg": "SHA-512", "content": "0" * 128}]
    assert sbom["compositions"][0]["aggregate"] == "incomplete"
    stated = json.loads(store.get(entry.provenance or "", kind="provenance"))
    names = [one.get("name") for one in stated["predicate"]["buildDefinition"]["resolvedDependencies"]]
    assert "services/orders/package-lock.json" in names


def test_where_npm_installs_several_versions_all_of_them_may_be_asked_for(
    repo: PlainRepo, store: FolderArtifacts
) -> None:
    lock = {
        "lockfileVersion": 3,
        "packages": {
            "node_modules/a": {"version": "1.0.0", "dependencies": {"left": "^1"}},
            "node_modules/a/node_modules/left": {"version": "1.0.0"},
            "node_modules/left": {"version": "2.0.0"},
        },
    }
    commit = repo.commit(fleet.files() | {"services/orders/package-lock.json": json.dumps(lock)})
    built = build(repo, store, commit, fleet.service(runtime="nodejs22.x"), builder=any_zip)
    data = store.get(built.manifest.services["orders"].sbom or "", kind="sbom")
    assert_is_cyclonedx(data)
    asked = {one["ref"]: one["dependsOn"] for one in json.loads(data)["dependencies"]}
    assert asked["pkg:npm/a@1.0.0"] == ["pkg:npm/left@1.0.0", "pkg:npm/left@2.0.0"]


def test_a_package_lock_that_cannot_be_read_is_named(repo: PlainRepo, store: FolderArtifacts) -> None:
    commit = repo.commit(fleet.files() | {"services/orders/package-lock.json": '{"lockfileVersion": 1}'})
    with pytest.raises(Misconfigured, match=r"services/orders/package-lock\.json cannot be read"):
        build(repo, store, commit, fleet.service(runtime="nodejs22.x"), builder=any_zip)


def test_what_a_command_took_in_is_said_to_be_unknown(repo: PlainRepo, store: FolderArtifacts) -> None:
    service = replace(fleet.service(runtime="provided.al2023"), build=Build(command=("make",), output="dist"))
    entry = build(repo, store, repo.commit(fleet.files()), service, builder=any_zip).manifest.services[
        "orders"
    ]
    data = store.get(entry.sbom or "", kind="sbom")
    assert_is_cyclonedx(data)
    sbom = json.loads(data)
    assert sbom["compositions"][0]["aggregate"] == "unknown"
    said = {one["name"]: one["value"] for one in sbom["metadata"]["component"]["properties"]}
    assert "is not known here" in said["lambda-release:components"]


def test_every_spdx_id_that_we_state_is_one() -> None:
    components = [
        Component(f"p{n}", "1", f"pkg:pypi/p{n}@1", Licence(spdx=one), (Hash("SHA-256", "0" * 64),))
        for n, one in enumerate(sorted(SPDX_IDS))
    ]
    built = Built("orders", "0" * 64, "1" * 64, "2" * 64, "python3.13", "arm64", "lambda", components)
    assert_is_cyclonedx(document(built, "complete", {"lambda-release": "1"}))


def test_the_schema_would_notice_a_wrong_document() -> None:
    with pytest.raises(AssertionError):
        assert_is_cyclonedx(b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "one"}')


def test_hashes_of_a_lock_are_read_over_continued_lines() -> None:
    first, second = "a" * 64, "b" * 64
    lock = (
        f"Thing_One[x]==1.0 ; python_version > '3' \\\n    --hash=sha256:{first} \\\n"
        f"    --hash=sha256:{second}\n    # via x\n"
    )
    assert accepted_hashes(lock) == {("thing-one", "1.0"): (first, second)}
