"""`release audit verify` against forgers: whatever they change of tag, ledger or store is found and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.audit_worlds import LEDGER, Audited
from tests.cli.conftest import Cli, Ran, _somebody

pytestmark = pytest.mark.xdist_group("an audited repository")  # or each worker would make it


@pytest.fixture(scope="session")
def _audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    with _somebody():
        return Audited.made(tmp_path_factory.mktemp("audited") / "fleet")


@pytest.fixture
def world(_audited: Audited, tmp_path: Path) -> Audited:
    return _audited.copied(tmp_path / "fleet")


@pytest.fixture
def verify(cli: Cli, world: Audited) -> Callable[..., Ran]:
    """By a clone that has never seen the ledger, and without AWS and GitHub."""

    def run(*words: str, fresh: bool = True) -> Ran:
        if fresh:
            world.forget_ledger()
        return cli("audit", "verify", "--without-aws", "--without-github", *words, at=world.fleet.clone)

    return run


def found(ran: Ran) -> list[str]:
    assert ran.code == 3, ran.err + ran.out
    return [f"{one['place']}: {one['why']}" for one in checks(ran) if one["result"] == "mismatch"]


def checks(ran: Ran) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = json.loads(ran.out)["checks"]
    return shown


# -- in order


def test_what_release_wrote_verifies_and_what_nobody_looked_at_is_said(verify: Callable[..., Ran]) -> None:
    ran = verify("--json")

    assert ran.code == 0, ran.err + ran.out
    shown = json.loads(ran.out)
    assert shown["verdict"] == "verified"
    assert shown["first"] is None
    assert {(one["subject"], one["result"]) for one in shown["checks"]} == {
        ("ledger", "holds"),
        ("tag", "holds"),
        ("manifest", "holds"),
        ("artifact", "holds"),
        ("running", "unchecked"),
        ("release", "unchecked"),
    }
    assert {one["why"] for one in shown["checks"] if one["result"] == "unchecked"} == {
        "AWS was not asked",
        "GitHub was not asked",
    }
    assert [one["place"] for one in shown["checks"] if one["subject"] == "tag"] == [
        "tag v1.0.0-qa.1",
        "tag v1.0.0-rc.1",
        "tag v1.0.1-qa.1",
    ]


def test_people_see_each_check_and_the_verdict(verify: Callable[..., Ran]) -> None:
    ran = verify("v1.0.0-rc.1")

    assert ran.code == 0
    assert "verified: 4 holds, 2 unchecked" in ran.out
    assert "tag v1.0.0-rc.1" in ran.out
    assert "qa.1" not in ran.out


def test_where_no_github_is_known_it_is_said_and_not_taken_for_verified(world: Audited, cli: Cli) -> None:
    ran = cli("audit", "verify", "--without-aws", "--json", at=world.fleet.clone)

    assert ran.code == 4
    shown = json.loads(ran.out)
    assert (shown["verdict"], shown["first"]["place"]) == ("incomplete", "GitHub")
    assert "not asked: which GitHub to talk to is not known" in ran.lines("error:")[0]
    assert "--without-github" in ran.lines("fix:")[0]


def test_a_tag_that_a_person_made_is_named_as_unchecked_and_refused_when_asked_for(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    world.fleet.tag("v0.1.0")

    assert [one for one in checks(verify("--json")) if one["place"] == "tag v0.1.0"] == [
        {
            "subject": "tag",
            "place": "tag v0.1.0",
            "result": "unchecked",
            "why": "release did not make it: it states no manifest",
        }
    ]
    assert "no record of the ledger came with it" in found(verify("v0.1.0", "--json"))[0]


def test_a_tag_that_nobody_knows_is_no_release(verify: Callable[..., Ran]) -> None:
    ran = verify("v9.9.9")

    assert ran.code == 2
    assert "neither the remote nor the ledger knows a release v9.9.9" in ran.err


# -- tags


def test_a_deleted_tag_is_missed(world: Audited, verify: Callable[..., Ran]) -> None:
    world.git("update-ref", "-d", "refs/tags/v1.0.0-rc.1")

    assert found(verify("--json")) == [
        "tag v1.0.0-rc.1: it is not on the remote any more; the ledger has recorded it"
    ]


def test_a_tag_that_was_moved_to_another_commit_is_found(world: Audited, verify: Callable[..., Ran]) -> None:
    world.git("tag", "--force", "--annotate", "-m", "x", "v1.0.0-rc.1", "main")

    ran = verify("--json")

    assert found(ran)[0].startswith("tag v1.0.0-rc.1: it was moved or made again: the object is ")
    assert any("it names commit" in line for line in found(ran))
    assert "tag v1.0.0-rc.1: it was moved or made again" in ran.lines("error:")[0]


def test_a_tag_that_became_lightweight_is_found(world: Audited, verify: Callable[..., Ran]) -> None:
    world.git("tag", "--force", "v1.0.0-rc.1", "v1.0.0-rc.1^{commit}")

    assert "tag v1.0.0-rc.1: it is no annotated tag any more" in found(verify("--json"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('Release-Actor: "ana"', 'Release-Actor: "eve"', "trailer Release-Actor says 'eve'"),
        ('Release-Reason: "please test"', 'Release-Reason: "urgent"', "trailer Release-Reason says 'urgent'"),
        ('Release-Actor: "ana"', 'Release-Actor: "ana"\nRelease-Actor: "eve"', "is there twice"),
        ('Release-Run: ""\n', "", "trailer Release-Run is not there"),
    ],
)
def test_a_tag_with_a_forged_trailer_is_found(
    world: Audited, verify: Callable[..., Ran], old: str, new: str, says: str
) -> None:
    content = world.git("cat-file", "tag", "v1.0.0-qa.1")
    assert old in content
    forged = world.fleet.folder / "forged"
    forged.write_text(content.replace(old, new) + "\n")
    made = world.git("hash-object", "-w", "-t", "tag", str(forged))
    world.git("update-ref", "refs/tags/v1.0.0-qa.1", made)

    assert any(says in line for line in found(verify("--json")))


def test_a_release_that_the_ledger_never_recorded_is_found(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    content = world.git("cat-file", "tag", "v1.0.1-qa.1").replace("v1.0.1-qa.1", "v1.0.2")
    forged = world.fleet.folder / "forged"
    forged.write_text(content + "\n")
    world.git("update-ref", "refs/tags/v1.0.2", world.git("hash-object", "-w", "-t", "tag", str(forged)))

    assert "tag v1.0.2: no record of the ledger came with it" in found(verify("--json"))[0]


# -- the ledger


def test_an_edited_event_is_found_though_history_was_written_again(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    """Nothing but the actor of one record differs, in its own commit."""
    path = world.added(world.find("-qa-", "started"))

    def edit(commit: str, files: dict[str, bytes]) -> dict[str, bytes | None]:
        return {path: files[path].replace(b'"ana"', b'"eve"')} if path in files else {}

    world.rewrite(edit)

    lines = found(verify("--json"))
    assert any(line.startswith("ledger ") and "the head is not what the event" in line for line in lines)
    assert any("trailer Release-Actor says 'ana'" in line for line in lines)
    assert any("the chain was rewritten" in line for line in lines)


def test_an_event_that_is_edited_on_top_of_the_ledger_is_found(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    path = world.added(world.find("-qa-0000", "1025", "outcome"))
    data = world.git_bytes("cat-file", "blob", f"{LEDGER}:{path}")
    world.append({path: data.replace(b'"ana"', b'"eve"')}, "chore: nothing to see here")

    lines = found(verify("--json"))
    assert f"{path}: the record was edited" in lines[0]
    assert "it adds 0 events, and a commit of the ledger adds one" in lines[1]


def test_a_deleted_event_is_found(world: Audited, verify: Callable[..., Ran]) -> None:
    path = world.added(world.find("-qa-0000", "1025", "outcome"))
    world.append({path: None}, "chore: tidy up")

    lines = found(verify("--json"))
    assert any(f"{path}: the record was deleted, and heads/fleet/qa.json names it" in line for line in lines)


def test_an_event_that_was_left_out_of_a_rewritten_ledger_is_found(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    gone = world.find("-uat-0000", "1005", "outcome")

    world.rewrite(lambda commit, files: None if commit == gone else {})

    lines = found(verify("--json"))
    assert any("does not follow on what stands before it" in line for line in lines)


def test_a_ledger_that_was_written_again_without_any_change_of_an_event_is_found_by_the_tags(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    """Other ids of commits, every record as it was: the tags name commits that are no part of it."""
    world.rewrite(lambda commit, files: {})

    lines = found(verify("--json"))
    assert len(lines) == 3
    assert all("is no part of the ledger: the chain was rewritten" in line for line in lines)


def test_a_ledger_whose_end_was_cut_off_is_found_by_a_clone_that_has_seen_it(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    """The last event came with no tag: nothing on the remote says that there was one."""
    assert verify().code == 0
    world.git("update-ref", LEDGER, f"{LEDGER}^")

    lines = found(verify("--json", fresh=False))
    assert any("this clone has seen it at" in line for line in lines)


def test_a_started_record_that_was_cut_off_is_found_by_its_tag(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    world.git("update-ref", LEDGER, f"{LEDGER}~3")

    assert "tag v1.0.1-qa.1: no record of the ledger came with it" in found(verify("--json"))[0]


def test_a_head_that_was_edited_is_found(world: Audited, verify: Callable[..., Ran]) -> None:
    data = world.git_bytes("cat-file", "blob", f"{LEDGER}:heads/fleet/uat.json")
    world.append({"heads/fleet/uat.json": data.replace(b'"ana"', b'"eve"')}, "chore: heads")

    assert any("it adds 0 events" in line for line in found(verify("--json")))


def test_a_ledger_with_another_root_merged_into_it_is_no_single_line(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    head = world.git("rev-parse", LEDGER)
    merge = world.git("commit-tree", "-p", head, "-p", "main", "-m", "Merge main", f"{LEDGER}^{{tree}}")
    world.git("update-ref", LEDGER, merge)

    assert any("the chain is no single line" in line for line in found(verify("--json")))


def test_heads_that_cannot_be_read_are_a_mismatch_and_no_crash(
    world: Audited, verify: Callable[..., Ran]
) -> None:
    world.append({"heads/fleet/uat.json": b"[" * 100}, "chore: break it")

    ran = verify("--json")

    assert "heads/fleet/uat.json cannot be read" in found(ran)[0]


# -- the store


def manifest_of(world: Audited, stage: str) -> str:
    head = json.loads(world.git_bytes("cat-file", "blob", f"{LEDGER}:heads/fleet/{stage}.json"))
    digest: str = head["serves"]["release"]["manifest"]
    return digest


def test_a_manifest_that_is_gone_is_missed(world: Audited, verify: Callable[..., Ran]) -> None:
    digest = manifest_of(world, "uat")
    world.stored("manifest", digest).unlink()

    ran = verify("--json")

    assert found(ran) == [line for line in found(ran) if f"manifest {digest[:12]}" in line]
    assert "is lost" in found(ran)[0]


@pytest.mark.parametrize("kind", ["zip", "sbom"])
def test_one_flipped_byte_of_an_artifact_is_found(
    world: Audited, verify: Callable[..., Ran], kind: str
) -> None:
    manifest = json.loads(world.store.get(manifest_of(world, "uat"), kind="manifest"))
    entry = manifest["services"]["orders"]
    path = world.stored(kind, entry["artifact" if kind == "zip" else kind])
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(bytes(data))

    assert f"the {kind} of orders of v1.0.0-qa.1" in found(verify("--json"))[0]


def test_an_artifact_that_is_gone_is_missed(world: Audited, verify: Callable[..., Ran]) -> None:
    manifest = json.loads(world.store.get(manifest_of(world, "qa"), kind="manifest"))
    world.stored("zip", manifest["services"]["orders"]["artifact"]).unlink()

    assert "the zip of orders of v1.0.1-qa.1" in found(verify("--json"))[0]
