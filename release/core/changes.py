"""What of a fleet has changed: two views of it compared, never a range of commits.

Unknown means all, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from release.core.manifest import Manifest, StageDocuments

What = Literal["new", "code", "settings", "template", "removed", "unknown"]

SAME: Final = "fingerprint, settings and template are the same"
_WORDS: Final[Mapping[What, str]] = {
    "code": "its files, shared code or dependencies",
    "settings": "its settings",
    "template": "its template",
}


class ServiceView(NamedTuple):
    """What a service is, as far as a change can be told: its input, and what is rendered for each stage."""

    fingerprint: str
    stages: "Mapping[str, StageDocuments]"


class Change(NamedTuple):
    service: str
    what: tuple[What, ...]  # empty: unchanged
    why: str


@dataclass(frozen=True, slots=True)
class Changes:
    """The answer to `release changed`: every service of either side, by name."""

    against: str  # for people: "what dev runs", "origin/main"
    services: tuple[Change, ...]  # all that were looked at, among them every one that changed
    unknown: str = ""  # why the base is not known, so that all count as changed
    notes: tuple[str, ...] = ()  # what keeps services from being built, one line each
    because: tuple[str, ...] = ()  # of the one service that was asked about, one line each
    same: tuple[
        str, ...
    ] = ()  # names of the others: a fleet may have thousands, and nothing is to say of them

    @property
    def to_build(self) -> tuple[str, ...]:
        """Names of the services that changed and are still there."""
        return tuple(one.service for one in self.services if one.what and "removed" not in one.what)


def view(manifest: "Manifest") -> Mapping[str, ServiceView]:
    """What a built release says of its services."""
    return {name: ServiceView(entry.fingerprint, entry.stages) for name, entry in manifest.services.items()}


def compare(
    base: Mapping[str, ServiceView] | None,
    head: Mapping[str, ServiceView],
    *,
    stage: str | None,
    unknown: str = "",
) -> tuple[Change, ...]:
    """Every service of either side, by name.

    `base` None: it is not known, for the reason `unknown`, so all count as changed. With `stage`
    only its settings and template count, else those of every stage.
    """
    if base is None:
        return tuple(Change(name, ("unknown",), unknown) for name in sorted(head))
    return tuple(_compare(name, base.get(name), head.get(name), stage) for name in sorted({*base, *head}))


def removed(service: str) -> Change:
    return Change(
        service, ("removed",), "it is not in the pipeline any more; release neither deploys nor deletes it"
    )


def changed(service: str, what: tuple[What, ...]) -> Change:
    """Of a service that both sides have."""
    why = ", ".join(_WORDS[one] for one in what if one in _WORDS)
    return Change(service, what, f"changed: {why}" if what else SAME)


def shards(services: tuple[str, ...], at_most: int) -> tuple[tuple[str, ...], ...]:
    """Services dealt out to so many jobs at most, each with as many as the others or one less."""
    count = min(at_most, len(services))
    return tuple(services[at::count] for at in range(count))


def _compare(name: str, old: ServiceView | None, new: ServiceView | None, stage: str | None) -> Change:
    if new is None:
        return removed(name)
    if old is None:
        return Change(name, ("new",), "it is not in the base")
    what: list[What] = []
    if not new.fingerprint or old.fingerprint != new.fingerprint:  # none: it could not be read
        what.append("code")
    stages = [stage] if stage else sorted({*old.stages, *new.stages})
    pairs = [(old.stages.get(one), new.stages.get(one)) for one in stages]
    if any((a.settings if a else None) != (b.settings if b else None) for a, b in pairs):
        what.append("settings")
    if any((a.template if a else None) != (b.template if b else None) for a, b in pairs):
        what.append("template")
    return changed(name, tuple(what))
