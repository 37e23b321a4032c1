"""`release build` and `release artifacts` as people and scripts use them, with a store in a folder."""

import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from release.adapters.artifacts_folder import FolderArtifacts
from release.build.archive import Member, archive, read_zip
from release.core import canonical
from tests.cli.conftest import Cli, Ran
from tests.cli.worlds import ENVIRONMENTS, FILES, FOLDER, Fleet

PRICES = {
    path.replace("orders", "prices"): text.replace("orders", "prices")
    for path, text in FILES.items()
    if path.startswith("services/orders/")
}
HANDLER = "services/orders/orders/handler.py"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Two services on the remote, nothing built."""
    environments = {"pipelines/environments.yaml": ENVIRONMENTS.replace("ARTIFACTS", FOLDER)}
    return Fleet.with_files(tmp_path / "fleet", FILES | PRICES | environments)


def said(ran: Ran, code: int = 0) -> Any:
    assert ran.code == code, ran.err
    return json.loads(ran.out)


def stored(fleet: Fleet, kind: str) -> list[str]:
    return sorted(path.name for path in (fleet.folder / "store" / kind).glob("*"))


# -- what a build says


def test_a_build_says_what_it_made_with_digests_sizes_cache_and_times(fleet: Fleet, cli: Cli) -> None:
    first = said(cli("build", "--json", at=fleet.clone))
    assert (first["commit"], first["known"], first["warnings"]) == (fleet.git("rev-parse", "HEAD"), False, [])
    assert stored(fleet, "manifest") == [first["manifest"]]
    orders = first["services"]["orders"]
    assert orders["outcome"] == "built" and orders["seconds"] > 0
    assert orders["cache"] == {"fingerprint": False, "dependencies": True}
    assert f"{orders['artifact']}.zip" in stored(fleet, "zip")
    assert orders["sbom"] in stored(fleet, "sbom") and orders["provenance"] in stored(fleet, "provenance")

    fleet.commit("feat: other orders", {HANDLER: "def handler(event, context):\n    return 1\n"})
    fleet.push()
    second = said(cli("build", "--json", at=fleet.clone))
    assert {name: one["outcome"] for name, one in second["services"].items()} == {
        "orders": "built",
        "prices": "reused",
    }
    assert second["services"]["prices"]["cache"] == {"fingerprint": True, "dependencies": None}

    third = said(cli("build", "--json", at=fleet.clone))
    assert (third["known"], third["manifest"]) == (True, second["manifest"])


def test_a_person_sees_what_was_built_and_what_was_there(fleet: Fleet, cli: Cli) -> None:
    assert "2 built, 0 reused" in cli("build", at=fleet.clone).out
    assert "0 built, 2 reused" in cli("build", at=fleet.clone).out


def test_shards_build_some_services_and_write_no_manifest(fleet: Fleet, cli: Cli) -> None:
    shard = said(cli("build", "orders", "--json", at=fleet.clone))
    assert (list(shard["services"]), shard["manifest"]) == (["orders"], None)
    assert stored(fleet, "manifest") == []
    whole = said(cli("build", "--json", at=fleet.clone))
    assert {name: one["outcome"] for name, one in whole["services"].items()} == {
        "orders": "reused",
        "prices": "built",
    }
    refused = cli("build", "order", at=fleet.clone)
    assert refused.code == 2 and "there is no service order" in refused.err


# -- work that nobody else has


def test_an_unpushed_commit_is_refused(fleet: Fleet, cli: Cli) -> None:
    fleet.commit("feat: mine", {HANDLER: "# mine\n"})
    refused = cli("build", at=fleet.clone)
    assert refused.code == 3 and "is on no branch of the remote" in refused.err
    assert stored(fleet, "zip") == []
    fleet.push("HEAD:refs/heads/feature/mine")
    assert cli("build", at=fleet.clone).code == 0


def test_a_commit_that_a_branch_contains_is_pushed(fleet: Fleet, cli: Cli) -> None:
    commit = fleet.git("rev-parse", "HEAD")
    fleet.commit("feat: newer")
    fleet.push()
    assert cli("build", "--ref", commit, at=fleet.clone).code == 0


def test_a_work_tree_with_changes_is_refused_unless_the_commit_is_named(fleet: Fleet, cli: Cli) -> None:
    fleet.write(
        {HANDLER: "# dirty\n", "services/orders/orders/new.py": "", "README.md": "no part of a build"}
    )
    refused = cli("build", at=fleet.clone)
    assert refused.code == 3 and f"{HANDLER} and 1 more in the work tree" in refused.err
    named = cli("build", "--ref", "HEAD", at=fleet.clone)
    assert named.code == 0 and f"warning: {HANDLER} and 1 more" in named.err
    with zipfile.ZipFile(next((fleet.folder / "store/zip").glob("*.zip"))) as opened:
        assert b"dirty" not in b"".join(opened.read(name) for name in opened.namelist())


def test_in_the_sandbox_own_work_is_built_with_a_warning(
    fleet: Fleet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEASE_BUILD_TARGET", "host")
    fleet.commit("feat: mine", {HANDLER: "# mine\n"})
    fleet.write({HANDLER: "# dirty\n"})
    built = cli("build", "--json", at=fleet.clone)
    assert len(said(built)["warnings"]) == 2
    assert built.err.count("warning: ") == 2


def test_changes_that_no_build_reads_are_nobodys_business(fleet: Fleet, cli: Cli) -> None:
    fleet.write({"README.md": "words", "docs/x.md": "words"})
    assert cli("build", at=fleet.clone).err == ""


# -- building again


def test_a_release_verifies_by_tag_commit_and_digest(fleet: Fleet, cli: Cli) -> None:
    built = said(cli("build", "--json", at=fleet.clone))
    message = f'v1.0.0-qa.1\n\nRelease-Manifest: "{built["manifest"]}"'
    fleet.tag("v1.0.0-qa.1", message=message)
    for name in (
        "v1.0.0-qa.1",
        built["commit"],
        built["commit"][:9],
        built["manifest"],
        built["manifest"][:9],
    ):
        answer = said(cli("build", "--verify", name, "--json", at=fleet.clone))
        assert (answer["verified"], answer["manifest"]) == (True, built["manifest"]), name
        assert {one["outcome"] for one in answer["services"].values()} == {"same"}
    assert "same bytes" in cli("build", "--verify", "v1.0.0-qa.1", at=fleet.clone).out


def test_a_stored_zip_that_was_not_built_of_the_commit_is_named_with_its_file(fleet: Fleet, cli: Cli) -> None:
    """Somebody who may write to the store has made a release of their own out of a real one."""
    built = said(cli("build", "--json", at=fleet.clone))
    store = FolderArtifacts(fleet.folder / "store")
    members = read_zip(store.get(built["services"]["orders"]["artifact"], kind="zip"), origin="")
    evil = Member.of("orders/handler.py", b"import socket\n", executable=False, origin="")
    forged = archive([*(one for one in members if one.path != evil.path), evil], of="orders")
    manifest = json.loads(store.get(built["manifest"], kind="manifest"))
    manifest["services"]["orders"] |= {
        "artifact": store.put(forged.data, kind="zip"),
        "content": forged.content,
    }
    digest = store.put(canonical.dumps(manifest), kind="manifest")
    fleet.tag("v1.0.0-qa.1", message=f'v1.0.0-qa.1\n\nRelease-Manifest: "{digest}"')

    ran = cli("build", "--verify", "v1.0.0-qa.1", at=fleet.clone)

    assert ran.code == 3
    assert "orders/handler.py has other bytes" in ran.err
    assert "v1.0.0-qa.1 does not build to the same content again: orders" in ran.err


def test_a_tag_whose_manifest_is_of_another_commit_was_tampered_with(fleet: Fleet, cli: Cli) -> None:
    built = said(cli("build", "--json", at=fleet.clone))
    fleet.commit("feat: other")
    fleet.push()
    fleet.tag("v1.0.0-qa.1", message=f'v1.0.0-qa.1\n\nRelease-Manifest: "{built["manifest"]}"')
    ran = cli("build", "--verify", "v1.0.0-qa.1", at=fleet.clone)
    assert ran.code == 3 and "was tampered with" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "cause"),
    [
        (("HEAD",), 2, "was never built for the pipeline fleet"),
        (("v9",), 2, "v9 names no commit here"),
        (("own",), 2, "the tag own states no manifest"),
        (("HEAD", "orders"), 2, "--verify builds a whole release again"),
        (("HEAD", "--ref", "HEAD"), 2, "--verify builds a whole release again"),
    ],
)
def test_what_cannot_be_verified_says_why(
    fleet: Fleet, cli: Cli, words: tuple[str, ...], code: int, cause: str
) -> None:
    fleet.tag("own")
    ran = cli("build", "--verify", *words, at=fleet.clone)
    assert ran.code == code and cause in ran.err


# -- what is in the store


def test_the_list_has_what_was_built_with_its_tags(fleet: Fleet, cli: Cli) -> None:
    assert "nothing was built for this pipeline yet" in cli("artifacts", "list", at=fleet.clone).out
    first = said(cli("build", "--json", at=fleet.clone))
    fleet.tag("v1.0.0-qa.1")
    fleet.commit("feat: next")
    fleet.push()
    second = said(cli("build", "--json", at=fleet.clone))
    listed = {one["commit"]: one for one in said(cli("artifacts", "list", "--json", at=fleet.clone))}
    assert listed.keys() == {first["commit"], second["commit"]}
    one = listed[first["commit"]]
    assert (one["tags"], one["manifest"], one["services"]) == (["v1.0.0-qa.1"], first["manifest"], 2)
    assert one["size"] == sum(service["size"] for service in first["services"].values())
    assert len(said(cli("artifacts", "list", "-n", "1", "--json", at=fleet.clone))) == 1


def test_a_manifest_that_is_lost_does_not_hide_the_others(fleet: Fleet, cli: Cli) -> None:
    built = said(cli("build", "--json", at=fleet.clone))
    (fleet.folder / "store/manifest" / built["manifest"]).unlink()
    ran = cli("artifacts", "list", at=fleet.clone)
    assert ran.code == 0 and "is lost" in ran.out


def test_a_release_and_an_artifact_are_shown_with_the_regions_that_have_them(fleet: Fleet, cli: Cli) -> None:
    built = said(cli("build", "--json", at=fleet.clone))
    release = said(cli("artifacts", "show", "HEAD", "--json", at=fleet.clone))
    assert (release["manifest"], release["regions"]) == (built["manifest"], {"us-east-1": 2})
    artifact = said(cli("artifacts", "show", "HEAD", "orders", "--json", at=fleet.clone))
    assert [one["path"] for one in artifact["files"]] == ["orders/handler.py"]
    assert artifact["regions"] == {"us-east-1": {"zip": True, "sbom": True, "provenance": True}}
    digest = artifact["artifact"]
    assert said(cli("artifacts", "show", digest[:12], "--json", at=fleet.clone))["artifact"] == digest
    for words in ((), ("orders",)):
        assert digest[:10] in cli("artifacts", "show", "HEAD", *words, at=fleet.clone).out


def test_what_a_region_lacks_is_shown(fleet: Fleet, cli: Cli) -> None:
    built = said(cli("build", "--json", at=fleet.clone))
    (fleet.folder / "store/zip" / f"{built['services']['prices']['artifact']}.zip").unlink()
    assert "us-east-1: 1 of 2 artifacts" in cli("artifacts", "show", "HEAD", at=fleet.clone).out


@pytest.mark.parametrize("part", ["zip", "sbom", "provenance", "manifest"])
def test_every_part_can_be_written_to_a_new_file(fleet: Fleet, cli: Cli, tmp_path: Path, part: str) -> None:
    built = said(cli("build", "--json", at=fleet.clone))
    output = tmp_path / "out"
    words = ("artifacts", "show", "HEAD", "orders", "--part", part, "--output", str(output))
    assert cli(*words, at=fleet.clone).code == 0
    name = {"zip": "artifact"}.get(part, part)
    digest = built["manifest"] if part == "manifest" else built["services"]["orders"][name]
    assert sha256(output.read_bytes()).hexdigest() == digest
    again = cli(*words, at=fleet.clone)
    assert again.code == 2 and "cannot be written: File exists" in again.err


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("HEAD", "nobody"), "this release has no service nobody"),
        (("abcdef",), "abcdef names no commit here"),
        (("HEAD", "--output", "x"), "there is no zip of that"),
        (("../../etc",), "names no commit here"),
    ],
)
def test_what_cannot_be_shown_says_why(fleet: Fleet, cli: Cli, words: tuple[str, ...], cause: str) -> None:
    assert cli("build", at=fleet.clone).code == 0
    ran = cli("artifacts", "show", *words, at=fleet.clone)
    assert ran.code == 2 and cause in ran.err
