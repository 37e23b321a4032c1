"""What of a fleet has changed: two views of it compared, never a range of commits.

Unknown means all, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from release.core.manifest import Manifest, StageDocuments

What = Literal["new", "code", "settings", "template", "removed", "unknown"]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What a service is, as far as a change can be told: its input, and what is rendered for each stage."""

    fingerprint: str
    stages: Mapping[str, StageDocuments]


@dataclass(frozen=True, slots=True)
class Change:
    service: str
    what: tuple[What, ...]  # empty: unchanged
    why: str


def view(manifest: Manifest) -> Mapping[str, ServiceView]:
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


def _compare(name: str, old: ServiceView | None, new: ServiceView | None, stage: str | None) -> Change:
    if new is None:
        return Change(
            name, ("removed",), "it is not in the tree any more; release neither deploys nor deletes it"
        )
    if old is None:
        return Change(name, ("new",), "it is not in the base")
    what: list[What] = []
    if old.fingerprint != new.fingerprint:
        what.append("code")
    stages = [stage] if stage else sorted({*old.stages, *new.stages})
    pairs = [(old.stages.get(one), new.stages.get(one)) for one in stages]
    if any((a.settings if a else None) != (b.settings if b else None) for a, b in pairs):
        what.append("settings")
    if any((a.template if a else None) != (b.template if b else None) for a, b in pairs):
        what.append("template")
    words = {
        "code": "its files, shared code or dependencies",
        "settings": "its settings",
        "template": "its template",
    }
    why = ", ".join(words[one] for one in what if one in words)
    return Change(
        name, tuple(what), f"changed: {why}" if what else "fingerprint, settings and template are the same"
    )
