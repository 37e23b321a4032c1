"""The way to one complete release, from whatever state an earlier try has left."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core.forge.body import Around, release_body
from release.core.forge.facts import AssetFacts, ReleaseFacts
from release.core.forge.releases import (
    LONGEST_BODY,
    CreateDraft,
    DeleteAsset,
    DeleteDraft,
    Publish,
    ReleaseStep,
    Upload,
    WantedAsset,
    WantedRelease,
    looks_complete,
    marker,
    release_steps,
)

FILES = tuple(
    WantedAsset(name, "application/json", name.encode()) for name in ("audit.json", "manifest.json")
)
WANTED = WantedRelease("v1.2.0", "c" * 40, "id", f"{marker('v1.2.0')}\nwords", False, True, FILES)


def stored(asset: WantedAsset, id: int = 1, **different: Any) -> AssetFacts:
    return replace(AssetFacts(id, asset.name, len(asset.data), asset.digest, True), **different)


def on_github(id: int = 7, *assets: AssetFacts, **different: Any) -> ReleaseFacts:
    known = ReleaseFacts(id, "v1.2.0", "v1.2.0", WANTED.body, True, False, False, "", "https://up/", assets)
    return replace(known, **different)


def published(*assets: AssetFacts, **different: Any) -> ReleaseFacts:
    return on_github(7, *assets, draft=False, **different)


def steps_to(
    release: ReleaseFacts | None = None, drafts: Sequence[ReleaseFacts] = ()
) -> Sequence[ReleaseStep]:
    found = release_steps(WANTED, release, drafts)
    assert found.objections == found.notes == ()
    return found.steps


def test_a_release_is_drafted_gets_its_files_and_is_published_last() -> None:
    assert steps_to() == (
        CreateDraft(WANTED), *(Upload("v1.2.0", file, None) for file in FILES), Publish(WANTED, None)
    )  # fmt: skip


def test_a_draft_that_was_left_is_completed() -> None:
    draft = on_github(7, stored(FILES[0]))

    assert steps_to(drafts=[draft]) == (Upload("v1.2.0", FILES[1], draft), Publish(WANTED, 7))


@pytest.mark.parametrize("broken", [{"uploaded": False}, {"digest": "0" * 64}, {"size": 0}], ids=str)
def test_a_file_that_broke_off_in_a_draft_is_replaced(broken: dict[str, Any]) -> None:
    asset = stored(FILES[0], **broken)
    draft = on_github(7, asset, stored(FILES[1]))

    assert steps_to(drafts=[draft]) == (
        DeleteAsset("v1.2.0", asset), Upload("v1.2.0", FILES[0], draft), Publish(WANTED, 7)
    )  # fmt: skip


def test_of_two_drafts_the_first_is_kept() -> None:
    found = steps_to(drafts=[on_github(9), on_github(7, *map(stored, FILES)), on_github(8)])

    assert found == (DeleteDraft("v1.2.0", 8), DeleteDraft("v1.2.0", 9), Publish(WANTED, 7))


def test_a_draft_that_a_person_has_made_is_left_alone() -> None:
    assert steps_to(drafts=[on_github(7, body="My words, not ready yet")])[0] == CreateDraft(WANTED)
    assert steps_to(drafts=[on_github(7, tag="v1.3.0")])[0] == CreateDraft(WANTED)


def test_a_complete_release_needs_nothing_whatever_people_have_written_into_it() -> None:
    done = published(*map(stored, FILES), body="now with a picture", name="The big one", immutable=True)

    assert steps_to(done) == ()
    assert steps_to(done, [on_github(8)]) == (DeleteDraft("v1.2.0", 8),)
    assert looks_complete(done)


def test_a_published_release_that_lacks_a_file_gets_it() -> None:
    half = published(stored(FILES[0]))

    assert not looks_complete(half)
    assert steps_to(half) == (Upload("v1.2.0", FILES[1], half),)
    cut = stored(FILES[1], 2, uploaded=False)
    assert steps_to(published(stored(FILES[0]), cut))[0] == DeleteAsset("v1.2.0", cut)


def test_an_immutable_release_that_lacks_a_file_cannot_be_mended() -> None:
    found = release_steps(WANTED, published(stored(FILES[0]), immutable=True), [])

    assert found.steps == ()
    assert found.objections == ("the release v1.2.0 is immutable and lacks manifest.json",)


def test_other_bytes_in_a_published_release_are_reported_and_never_replaced() -> None:
    found = release_steps(WANTED, published(stored(FILES[0]), stored(FILES[1], digest="0" * 64)), [])

    assert found.steps == ()
    (objection,) = found.objections
    assert objection.startswith("manifest.json of the release v1.2.0 has sha256 0000")


def test_an_audit_of_another_version_of_release_is_noted() -> None:
    found = release_steps(WANTED, published(stored(FILES[0], digest="0" * 64), stored(FILES[1])), [])

    assert (found.steps, found.objections) == ((), ())
    assert "release audit verify" in found.notes[0]


# -- what it says

AROUND = Around("https://github.com/acme/fleet", "acme/fleet", "v1.1.0", "rollback.yml", None)


def document(subjects: Sequence[str] = ("feat: prices (#12)",), functions: int = 1) -> dict[str, Any]:
    served = {"lambda_version": "7", "code": "a" * 64}
    return {
        "stage": "prod",
        "release": {"tag": "v1.2.0", "source": "v1.2.0-rc.1"},
        "requested": {"actor": "ada", "run": "77.1", "reason": "for the fair", "approvers": ["grace"]},
        "ended": {"at": "2026-11-21T10:10:30Z"},
        "approvals": [{"stage": "uat", "actor": "ben", "at": "2026-11-21T10:00:00Z", "reason": "tested"}],
        "commits": {
            "count": {"added": len(subjects)},
            "pull_requests": [12],
            "added": [{"id": f"{n:040x}", "subject": one} for n, one in enumerate(subjects[:1000])],
        },
        "functions": [
            {"function": f"orders-{n}", "region": "us-east-1", "after": served} for n in range(functions)
        ],
    }  # fmt: skip


def test_the_words_say_who_when_why_what_where_and_the_way_back() -> None:
    body = release_body(document(), FILES, AROUND)

    assert body.startswith(marker("v1.2.0"))
    for said in (
        "In **prod** since 2026-11-21T10:10:30Z, asked for by ada",
        "https://github.com/acme/fleet/actions/runs/77/attempts/1",
        "> for the fair",
        "- approved by grace\n- accepted in uat by ben",
        "- feat: prices (#12) 0000000000",
        "| orders-0 | us-east-1 | 7 | `aaaaaaaaaaaa` |",
        f"| manifest.json | `{FILES[1].digest}` |",
        "release audit verify v1.2.0",
        'release rollback prod --reason "why"',
    ):
        assert said in body, said


def test_where_there_are_several_pipelines_the_commands_name_theirs() -> None:
    around = replace(AROUND, pipeline="payments", workflow="rollback-payments.yml")

    body = release_body(document(), FILES, around)

    assert "release audit verify v1.2.0 --pipeline payments" in body
    assert 'release rollback prod --reason "why" --pipeline payments' in body


def test_a_thousand_long_subjects_are_cut_between_lines_with_their_number() -> None:
    body = release_body(document(["x" * 5000] * 20_000, functions=2000), FILES, AROUND)

    assert len(body) < LONGEST_BODY
    shown = body.count("- xxx")
    assert 0 < shown < 1000
    assert f"… and {20_000 - shown} more: `audit.json` lists them" in body
    assert "… and 1800 more" in body
    assert "## How to roll it back" in body


def test_subjects_and_reasons_call_nobody_and_are_no_markup() -> None:
    hostile = "<img src=x> | [a](b) `x` @acme/owners\n# forged\n```"
    audit = document([hostile])
    audit["requested"]["reason"] = audit["approvals"][0]["reason"] = hostile

    body = release_body(audit, FILES, AROUND)

    assert "<img" not in body and "](b)" not in body and "\n# forged" not in body
    assert "@acme" not in body
    assert body.count("```") == 4


@given(st.text(max_size=3000), st.text(max_size=600))
def test_whatever_people_write_the_words_fit_and_keep_their_parts(subject: str, reason: str) -> None:
    audit = document([subject] * 400)
    audit["requested"]["reason"] = reason

    body = release_body(audit, FILES, AROUND)

    assert len(body) < LONGEST_BODY
    headings = [line for line in body.split("\n") if line.startswith("## ")]
    assert headings == [
        "## What changed since v1.1.0", "## Where it runs", "## How to verify it", "## How to roll it back"
    ]  # fmt: skip
