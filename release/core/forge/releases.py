"""The GitHub release of one tag: what it should hold, and the way there.

A draft takes the files and is published when it has all of them, because nothing can be added to an
immutable release (https://docs.github.com/en/code-security/supply-chain-security/understanding-your-software-supply-chain/immutable-releases).
What is published is only ever completed: its words belong to people then, and a file with other bytes is
reported, not replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from release.core import canonical
from release.core.forge.facts import AssetFacts, ReleaseFacts

LONGEST_BODY: Final = 125_000  # characters
AUDIT: Final = "audit.json"
MANIFEST: Final = "manifest.json"
SBOMS: Final = "sboms.zip"  # one file, so that a fleet of 500 services is four uploads as well
PROVENANCE: Final = "provenance.intoto.jsonl"


@dataclass(frozen=True, slots=True)
class WantedAsset:
    name: str
    content_type: str
    data: bytes

    @property
    def digest(self) -> str:
        return canonical.sha256(self.data)


@dataclass(frozen=True, slots=True)
class WantedRelease:
    tag: str
    commit: str
    promotion: str
    body: str
    prerelease: bool
    latest: bool  # whether it is the one that visitors of the repository are shown
    assets: tuple[WantedAsset, ...]


@dataclass(frozen=True, slots=True)
class CreateDraft:
    wanted: WantedRelease

    @property
    def text(self) -> str:
        return f"draft the release {self.wanted.tag}"


@dataclass(frozen=True, slots=True)
class DeleteDraft:
    tag: str
    release: int

    @property
    def text(self) -> str:
        return f"delete the second draft of {self.tag} ({self.release})"


@dataclass(frozen=True, slots=True)
class DeleteAsset:
    tag: str
    asset: AssetFacts

    @property
    def text(self) -> str:
        what = "its upload broke off" if not self.asset.uploaded else "it is not what belongs there"
        return f"delete {self.asset.name} from {self.tag}: {what}"


@dataclass(frozen=True, slots=True)
class Upload:
    tag: str
    asset: WantedAsset
    release: ReleaseFacts | None  # None: the draft that a step before creates

    @property
    def text(self) -> str:
        return f"attach {self.asset.name} to {self.tag} ({len(self.asset.data)} bytes)"


@dataclass(frozen=True, slots=True)
class Publish:
    wanted: WantedRelease
    release: int | None  # None: the draft that a step before creates

    @property
    def text(self) -> str:
        return f"publish the {'pre-release' if self.wanted.prerelease else 'release'} {self.wanted.tag}"


ReleaseStep = CreateDraft | DeleteDraft | DeleteAsset | Upload | Publish


@dataclass(frozen=True, slots=True)
class Completion:
    """The way to one complete release. `objections`: what cannot be mended, and why.

    A newer `release` may say more in `audit.json` than the one that published it: that it differs is noted,
    and whether it holds is for `release audit verify` to say.
    """

    steps: tuple[ReleaseStep, ...] = ()
    objections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def marker(tag: str) -> str:
    """What the body of a draft of ours begins with. A person's draft has none, and is left alone."""
    return f"<!-- lambda-release: {tag} -->"


def is_ours(release: ReleaseFacts, tag: str) -> bool:
    return release.tag == tag and release.body.startswith(marker(tag))


def looks_complete(published: ReleaseFacts) -> bool:
    """Whether the files are there that every release of ours has. It does not look into them."""
    there = {asset.name for asset in published.assets if asset.uploaded}
    return {AUDIT, MANIFEST} <= there


def release_steps(
    wanted: WantedRelease, published: ReleaseFacts | None, drafts: Sequence[ReleaseFacts]
) -> Completion:
    """`drafts`: every draft of the tag. The assets of all releases have their digest."""
    ours = sorted((one for one in drafts if is_ours(one, wanted.tag)), key=lambda one: one.id)
    if published is not None:
        more = _complete_published(wanted, published)
        second = [DeleteDraft(wanted.tag, one.id) for one in ours]
        return Completion((*more.steps, *second), more.objections, more.notes)
    if not ours:
        uploads = [Upload(wanted.tag, asset, None) for asset in wanted.assets]
        return Completion((CreateDraft(wanted), *uploads, Publish(wanted, None)))
    draft = ours[0]
    there = {asset.name: asset for asset in draft.assets}
    steps: list[ReleaseStep] = [DeleteDraft(wanted.tag, one.id) for one in ours[1:]]
    for asset in wanted.assets:
        known = there.get(asset.name)
        if known is not None and _holds(known, asset):
            continue
        if known is not None:
            steps.append(DeleteAsset(wanted.tag, known))
        steps.append(Upload(wanted.tag, asset, draft))
    # Whoever may write can put a file into a draft, and nobody could take it out of an immutable release.
    names = {asset.name for asset in wanted.assets}
    strangers = [DeleteAsset(wanted.tag, asset) for asset in draft.assets if asset.name not in names]
    return Completion((*steps, *strangers, Publish(wanted, draft.id)))


def _complete_published(wanted: WantedRelease, published: ReleaseFacts) -> Completion:
    there = {asset.name: asset for asset in published.assets if asset.uploaded}
    missing = [asset for asset in wanted.assets if asset.name not in there]
    objections, notes = [], []
    for asset in wanted.assets:
        if asset.name in there and not _holds(there[asset.name], asset):
            held = f"{asset.name} of the release {wanted.tag} has sha256 {there[asset.name].digest}"
            if asset.name == AUDIT:
                notes.append(f"{held}, and this `release` writes {asset.digest}: `release audit verify`")
            else:
                objections.append(f"{held}, and by the ledger it is {asset.digest}")
    if missing and published.immutable:
        names = ", ".join(asset.name for asset in missing)
        objections.append(f"the release {wanted.tag} is immutable and lacks {names}")
        return Completion((), tuple(objections), tuple(notes))
    broken = {asset.name: asset for asset in published.assets if not asset.uploaded}
    steps: list[ReleaseStep] = []
    for asset in missing:
        if asset.name in broken:
            steps.append(DeleteAsset(wanted.tag, broken[asset.name]))
        steps.append(Upload(wanted.tag, asset, published))
    return Completion(tuple(steps), tuple(objections), tuple(notes))


def _holds(there: AssetFacts, wanted: WantedAsset) -> bool:
    return there.uploaded and there.size == len(wanted.data) and there.digest == wanted.digest
