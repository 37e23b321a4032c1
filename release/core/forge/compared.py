"""Whether GitHub holds what the ledger says, byte for byte. Pure.

`releases` and `deployments` say what is to be written; this says what is wrong, for auditors: it takes no
word of GitHub for a file that it has not read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from release.core import canonical
from release.core.forge.deployments import Found, WantedDeployment, key_of
from release.core.forge.facts import AssetFacts, ReleaseFacts
from release.core.forge.releases import AUDIT, WantedAsset, WantedRelease

_COMMIT: Final = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHOWN: Final = 3  # differences of one document
_LONGEST: Final = 120  # characters of a value that is shown
_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What does not fit, and where: what the ledger says, what was found."""

    place: str
    what: str


def release_problems(
    wanted: WantedRelease, found: ReleaseFacts, held: Mapping[int, bytes], *, immutable: bool
) -> Iterator[Wrong]:
    """`held`: id of each whole file -> its bytes, as they were downloaded. `immutable`: the repository wants
    its releases so.
    """
    here = f"release {wanted.tag}"
    if found.draft:
        yield Wrong(here, "it is a draft: nothing keeps it from being changed, and nobody sees it")
    if immutable and not found.immutable:
        yield Wrong(
            here,
            "it can be changed, and the repository wants immutable releases: it was published before that",
        )
    # GitHub takes a branch as well, and looks at neither where the tag is there already.
    if _COMMIT.fullmatch(found.target) and found.target != wanted.commit:
        yield Wrong(
            here, f"it was made for commit {found.target}, and by the ledger it is of {wanted.commit}"
        )
    there = {asset.name: asset for asset in found.assets}
    for asset in wanted.assets:
        for what in _asset_problems(asset, there.get(asset.name), held):
            yield Wrong(f"{asset.name} of the release {wanted.tag}", what)
    names = {asset.name for asset in wanted.assets}
    for stranger in found.assets:
        if stranger.name not in names:
            what = f"release attaches no such file: it was uploaded by somebody (sha256 {stranger.digest})"
            yield Wrong(f"{stranger.name} of the release {wanted.tag}", what)


def _asset_problems(
    wanted: WantedAsset, found: AssetFacts | None, held: Mapping[int, bytes]
) -> Iterator[str]:
    if found is None:
        yield "it is not there"
        return
    if not found.uploaded:
        yield "its upload broke off: there is nothing in it"
        return
    data = held[found.id]
    digest = canonical.sha256(data)
    if digest != wanted.digest:
        yield f"its bytes have sha256 {digest}, and by the ledger {wanted.digest}" + _where(wanted, data)
    if found.digest not in (None, digest):
        yield f"GitHub calls its sha256 {found.digest}, and its bytes have {digest}"


def _where(wanted: WantedAsset, data: bytes) -> str:
    """Where a document differs, as far as it can still be read."""
    if wanted.name != AUDIT:
        return f": {_first_byte(wanted.data, data)}"
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return f": {_first_byte(wanted.data, data)}"
    differing = list(differences(json.loads(wanted.data), found))
    if not differing:
        return f": it says the same in other words: {_first_byte(wanted.data, data)}"
    more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    return ": " + "; ".join(differing[:_SHOWN]) + more


def _first_byte(expected: bytes, found: bytes) -> str:
    shorter = min(len(expected), len(found))
    at = next((at for at in range(shorter) if expected[at] != found[at]), shorter)
    if len(expected) != len(found):
        return f"{len(found)} bytes instead of {len(expected)}, the first other one at {at}"
    return f"the first other byte at {at} of {len(found)}"


def differences(expected: Any, found: Any, at: str = "") -> Iterator[str]:
    """Where two JSON documents differ: path, what it should be, what it is. Records go first: who wrote the
    ledger again has changed these in every document, and whoever changed the document has not.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            here = f"{at}.{key}" if at else key
            yield from differences(expected.get(key, _NOTHING), found.get(key, _NOTHING), here)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            named = one.get("path") if isinstance(one, dict) else None
            yield from differences(one, other, f"{at}[{named or number}]")
    elif expected != found or type(expected) is not type(found):
        yield f"{at} is {_value(found)}, and by the ledger {_value(expected)}"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def deployment_problems(wanted: Sequence[WantedDeployment], found: Found) -> Iterator[Wrong]:
    """`wanted`: of the last promotions of one stage; `found`: all since the first of them began.

    What is under way is compared as far as that it has not ended.
    """
    keys = {one.key for one in wanted}
    oldest = min((one.promotion for one in wanted), default="")
    there = {}
    for deployment, status in sorted(found, key=lambda pair: pair[0].id, reverse=True):
        key = key_of(deployment)
        if key in keys:
            there[key] = (deployment, status)  # of two the older one counts
        elif key is not None and key[0] >= oldest:
            place = f"deployment {deployment.id} in {deployment.environment}"
            yield Wrong(place, f"the ledger has no promotion {key[0]} in {key[1]}")
    for one in wanted:
        place = f"deployment of {one.promotion} in {one.region}"
        known = there.get(one.key)
        going_on = one.status.state == "in_progress"
        if known is None:
            if not going_on:
                yield Wrong(place, "it is not there")
            continue
        deployment, status = known
        if deployment.commit != one.commit:
            yield Wrong(place, f"it is of commit {deployment.commit}, and by the ledger of {one.commit}")
        state = status.state if status else _NOTHING
        if state != one.status.state and not (going_on and state in (_NOTHING, "queued", "pending")):
            yield Wrong(place, f"its status is {state}, and by the ledger {one.status.state}")
