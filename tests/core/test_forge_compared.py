"""What is wrong with what GitHub holds: every byte counts, and each thing is named for itself."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core import canonical
from release.core.forge.compared import Wrong, deployment_problems, differences, release_problems
from release.core.forge.facts import AssetFacts, DeploymentFacts, ReleaseFacts, StatusFacts
from release.core.forge.releases import WantedAsset, WantedRelease
from tests.core.forge_worlds import Shown, promoted, wanted_of

AUDIT = canonical.dumps(
    {"a": {"b": "é"}, "records": [{"commit": "1", "path": "2026/11/x.json"}], "n": [1, 2]}
)
FILES = (
    WantedAsset("audit.json", "application/json", AUDIT),
    WantedAsset("sboms.zip", "application/zip", bytes(range(256))),
)
WANTED = WantedRelease("v1.2.0", "c" * 40, "id", "words", False, True, FILES)
HELD = {number: asset.data for number, asset in enumerate(FILES)}


def release(**different: Any) -> ReleaseFacts:
    assets = tuple(
        AssetFacts(number, asset.name, len(asset.data), asset.digest, True)
        for number, asset in enumerate(FILES)
    )
    known = ReleaseFacts(7, "v1.2.0", "v1.2.0", "words", False, False, True, "", "https://up/", assets)
    return replace(known, **different)


def problems(
    found: ReleaseFacts | None = None, held: dict[int, bytes] | None = None, *, immutable: bool = True
) -> list[str]:
    wrong = release_problems(WANTED, found or release(), held or HELD, immutable=immutable)
    return [f"{one.place}: {one.what}" for one in wrong]


def test_what_is_as_it_should_be_has_no_problem() -> None:
    assert problems() == []
    assert problems(release(target="main")) == problems(release(target="c" * 40)) == []
    assert problems(release(immutable=False), immutable=False) == []


@given(st.sampled_from(range(len(FILES))), st.data())
def test_a_flipped_bit_anywhere_is_one_problem_of_that_file(number: int, draw: st.DataObject) -> None:
    good = FILES[number].data
    at = draw.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ 1 << draw.draw(st.integers(0, 7))]) + good[at + 1 :]

    # GitHub keeps telling the digest that it was, or tells the one that it is: both are looked through.
    told = release()
    honest = release(
        assets=tuple(
            replace(one, digest=canonical.sha256(bad)) if one.id == number else one for one in told.assets
        )
    )
    place = f"{FILES[number].name} of the release v1.2.0: its bytes have sha256 {canonical.sha256(bad)}"
    (only,) = problems(honest, HELD | {number: bad})
    first, second = problems(told, HELD | {number: bad})
    assert only == first and only.startswith(place)
    assert second.endswith(
        f"GitHub calls its sha256 {FILES[number].digest}, and its bytes have {canonical.sha256(bad)}"
    )


@pytest.mark.parametrize(
    ("different", "says"),
    [
        ({"draft": True}, "release v1.2.0: it is a draft"),
        ({"immutable": False}, "release v1.2.0: it can be changed"),
        ({"target": "d" * 40}, f"release v1.2.0: it was made for commit {'d' * 40}"),
        ({"assets": release().assets[:1]}, "sboms.zip of the release v1.2.0: it is not there"),
        (
            {"assets": (release().assets[0], replace(release().assets[1], uploaded=False))},
            "sboms.zip of the release v1.2.0: its upload broke off",
        ),
        (
            {"assets": (*release().assets, AssetFacts(9, "x.exe", 2, "e" * 64, True))},
            "x.exe of the release v1.2.0: release attaches no such file",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_named(different: dict[str, Any], says: str) -> None:
    (only,) = problems(release(**different))

    assert only.startswith(says)


def test_a_document_says_which_fields_differ_and_what_they_should_be() -> None:
    forged = AUDIT.replace(b'"b"', b'"c"').replace(b'"commit":"1"', b'"commit":"2"').replace(b"[1,2]", b"[1]")
    (line, _) = problems(held=HELD | {0: forged})

    assert 'a.b is "nothing", and by the ledger "é"; a.c is "é", and by the ledger "nothing"' in line
    assert "n is [1], and by the ledger [1, 2] and 1 more" in line
    assert list(differences({"n": 1}, {"n": True})) == ["n is true, and by the ledger 1"]
    assert len(next(differences({"n": "x" * 999}, {"n": "y" * 999}))) < 300
    records = [{"commit": "1", "path": "2026/11/x.json"}], [{"commit": "2", "path": "2026/11/x.json"}]
    assert list(differences(*records)) == ['[2026/11/x.json].commit is "2", and by the ledger "1"']


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (AUDIT + b"\n", "it says the same in other words: "),
        (
            AUDIT[:-3],
            f"{len(AUDIT) - 3} bytes instead of {len(AUDIT)}, the first other one at {len(AUDIT) - 3}",
        ),
        (b"\xff" + AUDIT[1:], f"the first other byte at 0 of {len(AUDIT)}"),
    ],
)
def test_a_document_that_cannot_be_compared_field_by_field_says_where_it_differs(
    bad: bytes, says: str
) -> None:
    assert says in problems(held=HELD | {0: bad})[0]


# -- deployments


GOOD, FAILED, BAKING = promoted(1), promoted(2, "failed"), promoted(3, None)


def shown() -> Shown:
    found = Shown()
    found.bring_in_step(GOOD, FAILED, BAKING)
    return found


def wrong(found: Shown) -> list[Wrong]:
    return list(deployment_problems(wanted_of(GOOD, FAILED, BAKING), found.all))


def test_deployments_in_step_have_no_problem_and_what_is_under_way_may_be_missing() -> None:
    assert wrong(shown()) == []
    later = Shown()
    later.bring_in_step(GOOD, FAILED)
    assert wrong(later) == []
    assert list(deployment_problems((), [])) == []


def test_a_missing_deployment_a_wrong_commit_and_a_wrong_status_are_named() -> None:
    found = shown()
    (newest, status), *rest = found.all[2:]  # of the failed one, in the second region
    assert wrong_of(found, [found.all[0], found.all[1], *rest]) == [
        f"deployment of {FAILED.start.id} in us-west-2: it is not there"
    ]
    moved = replace(newest, commit="e" * 40)
    assert "it is of commit eeee" in wrong_of(found, [*found.all[:2], (moved, status), *rest])[0]
    lied = (newest, StatusFacts("success", "", ""))
    assert (
        "its status is success, and by the ledger failure"
        in wrong_of(found, [*found.all[:2], lied, *rest])[0]
    )
    assert "its status is nothing" in wrong_of(found, [*found.all[:2], (newest, None), *rest])[0]


def test_what_is_under_way_is_not_shown_as_ended() -> None:
    found = shown()
    (baking, _), *rest = found.all
    assert wrong_of(found, [(baking, StatusFacts("queued", "", "")), *rest]) == []
    (line,) = wrong_of(found, [(baking, StatusFacts("success", "", "")), *rest])
    assert line.endswith("its status is success, and by the ledger in_progress")


def test_a_promotion_that_the_ledger_does_not_know_is_named_and_others_deployments_are_let_be() -> None:
    found = shown()
    payload = {**found.all[0][0].payload, "promotion": "20261121T125900Z-fleet-prod-forged"}
    forged = DeploymentFacts(999, "prod", "e" * 40, "2026-11-21T13:00:00Z", payload)
    foreign = replace(forged, id=1000, payload={})
    older = replace(forged, id=1001, payload={**payload, "promotion": "20261120T125900Z-fleet-prod-older"})

    lines = wrong_of(found, [*found.all, (forged, None), (foreign, None), (older, None)])

    assert lines == [
        "deployment 999 in prod: the ledger has no promotion 20261121T125900Z-fleet-prod-forged in us-west-2"
    ]


def wrong_of(found: Shown, all: Any) -> list[str]:
    found.all = list(all)
    return [f"{one.place}: {one.what}" for one in wrong(found)]
