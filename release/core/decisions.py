"""What people decide about a stage or a release (hold, quarantine, accept …), and what follows from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from release.core.blockers import Blocker
from release.core.records import Decision, Quarantined, ReleaseRef, StageHead
from release.errors import GateClosed

PAST: Final[Mapping[str, str]] = {
    "hold": "held",
    "unhold": "open again",
    "quarantine": "quarantined",
    "clear": "cleared",
    "accept": "accepted",
    "reject": "rejected",
    "retire": "retires",
    "infra": "changes stacks",
}


def closed_by_people(head: StageHead, commit: str) -> tuple[Blocker, ...]:
    """What people have decided against any release in a stage, or against this one there."""
    found = []
    if head.held is not None:
        held = head.held
        found.append(
            Blocker(
                "held",
                f"{head.stage} is held since {held.at} by {held.actor}: {held.why}",
                f"when the reason is gone: release unhold {head.stage} --reason TEXT",
            )
        )
    bad = head.quarantine_of(commit)
    if bad is not None and bad.actor is not None:  # what the circuit breaker stopped may be tried again
        found.append(
            Blocker(
                "quarantined",
                f"{named(bad)} is quarantined: {why_quarantined(head, bad)}",
                f"release a fix, or: release clear {named(bad)} --reason TEXT",
            )
        )
    return tuple(found)


def quarantined_names(heads: Iterable[StageHead]) -> Mapping[str, str]:
    """Commits and tags that may leave none of these stages -> why."""
    names: dict[str, str] = {}
    for head in heads:
        for item in head.quarantined:
            why = why_quarantined(head, item)
            names[item.commit] = why
            if item.tag:
                names[item.tag] = why
    return names


def why_quarantined(head: StageHead, item: Quarantined) -> str:
    return f"{item.why} (in {head.stage}" + (f", by {item.actor})" if item.actor else ")")


def named(item: Quarantined) -> str:
    return item.tag or item.commit[:10]


def quarantines_of(head: StageHead, name: str) -> tuple[Quarantined, ...]:
    """The quarantines of a stage that a tag or a commit (seven digits at least) names."""
    return tuple(
        item
        for item in head.quarantined
        if name in (item.tag, item.commit) or (len(name) >= 7 and item.commit.startswith(name))
    )


@dataclass(frozen=True, slots=True)
class Deciding:
    """A decision that is to be written into the ledger, as people see it before they say yes."""

    kind: Decision
    head: StageHead
    release: ReleaseRef | None  # None: a hold, whatever the stage serves

    @property
    def about(self) -> str:
        return f"{self.release.label} in {self.head.stage}" if self.release else self.head.stage

    @property
    def now(self) -> str:
        """What stands about it in the ledger so far."""
        head, release = self.head, self.release
        if release is None:
            return f"held since {head.held.at} by {head.held.actor}: {head.held.why}" if head.held else "open"
        bad = head.quarantine_of(release.commit)
        if bad is not None:
            return f"quarantined: {bad.why}" + (f" (by {bad.actor})" if bad.actor else "")
        signed = next((one for one in head.accepted if one.commit == release.commit), None)
        return f"accepted by {signed.actor}: {signed.why}" if signed else "nothing decided"

    @property
    def next(self) -> str:
        """What holds once it is written."""
        stage, label = self.head.stage, self.release.label if self.release else ""
        match self.kind:
            case "hold":
                return f"held: nothing is deployed or promoted to {stage}; rollbacks go on"
            case "unhold":
                return f"open: {stage} takes releases again"
            case "quarantine" | "reject":
                return f"quarantined: {label} enters no stage any more"
            case "clear":
                return f"cleared: {label} may be promoted again"
            case "accept":
                return f"accepted: the gate signed_off of the next stage opens to {label}"
            case _:  # pragma: no cover - the type checker proves that no decision is missing
                assert_never(self.kind)


def done_already(deciding: Deciding, actor: str, proof: str | None) -> str | None:
    """Why there is nothing to write. None: there is."""
    head, release = deciding.head, deciding.release
    if deciding.kind == "hold" and head.held is not None:
        return f"{head.stage} is {deciding.now}"
    if deciding.kind == "unhold" and head.held is None:
        return f"{head.stage} is not held"
    if release is None:
        return None
    bad = head.quarantine_of(release.commit)
    if deciding.kind in ("quarantine", "reject") and bad is not None and bad.actor is not None:
        return f"{release.label} is {deciding.now}"
    if deciding.kind == "clear" and bad is None:
        return f"{release.label} is not quarantined in {head.stage}"
    if deciding.kind == "accept":
        for one in head.accepted:
            # A second person may sign as well: the last one counts.
            if (one.commit, one.manifest, one.actor) == (release.commit, release.manifest, actor) and (
                (one.proof is None) == (proof is None)
            ):
                return f"{release.label} is {deciding.now}"
    return None


def refuse(deciding: Deciding) -> None:
    """Raises GateClosed where a decision would say what is not so."""
    head, release = deciding.head, deciding.release
    if release is None or deciding.kind not in ("accept", "reject"):
        return
    if head.serves is None or head.serves.release != release:
        serves = head.serves.release.label if head.serves else "nothing"
        raise GateClosed(
            f"{head.stage} serves {serves} by now, and this is about {release.label}",
            fix=f"look at it again: release status {head.stage}",
        )
    if deciding.kind == "reject":
        return
    if head.running is not None or head.stranded is not None:
        what = "a rollout is under way" if head.running else "the last rollout was left half-way"
        raise GateClosed(
            f"{what} in {head.stage}: nobody can have tested {release.label} alone",
            fix=f"wait until `release status {head.stage}` shows that it has ended, test, then accept",
        )
    bad = head.quarantine_of(release.commit)
    if bad is not None:
        raise GateClosed(
            f"{release.label} is quarantined: {why_quarantined(head, bad)}",
            fix=f"if it is good after all: release clear {named(bad)} --reason TEXT",
        )
