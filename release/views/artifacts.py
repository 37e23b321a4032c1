"""The artifact store as people read it: which releases were built, and what an artifact holds."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.manifest import Manifest, ServiceEntry
from release.views.builds import amount
from release.views.tables import heading, short, table


def catalogue_text(
    rows: Sequence[tuple[str, Sequence[str], datetime, str, int, int, str | None]],
) -> Iterator[RenderableType]:
    """`rows`: commit, its tags, when it was built, target, services, bytes, problem."""
    if not rows:
        yield Text("nothing was built for this pipeline yet")
        return
    shown = table("commit", "tags", "built", "target", "services", "size", wide=("tags", "target"))
    for commit, tags, written, target, services, size, problem in rows:
        told = Text(problem, style="red") if problem else Text(amount(size))
        when = f"{written:%Y-%m-%d %H:%M}"
        shown.add_row(short(commit), " ".join(tags) or "-", when, target, str(services), told)
    yield shown


def release_text(
    manifest: Manifest, digest: str, tags: Sequence[str], held: Mapping[str, int]
) -> Iterator[RenderableType]:
    """A release's services, and how many of its artifacts each region has."""
    yield Text(f"{' '.join(tags) or short(manifest.commit)}", style="bold cyan")
    yield Text(f"  commit   {manifest.commit}")
    yield Text(f"  manifest {digest}")
    yield Text(f"  builder  {manifest.builder}")
    shown = table("  service", "artifact", "size", "runtime", "sbom", "provenance", wide="  service")
    for name, entry in sorted(manifest.services.items()):
        runtime = f"{entry.runtime} {entry.architecture}"
        papers = (short(entry.sbom), short(entry.provenance))
        shown.add_row(f"  {name}", short(entry.artifact), amount(entry.size), runtime, *papers)
    yield shown
    wanted = len({entry.artifact for entry in manifest.services.values()})
    for region, count in held.items():
        style = "" if count == wanted else "bold red"
        yield Text(f"  {region}: {count} of {wanted} artifacts", style=style)


def artifact_text(
    label: str,
    entry: ServiceEntry | None,
    files: Sequence[tuple[str, int, int]],
    components: Sequence[Mapping[str, Any]],
    held: Mapping[str, Mapping[str, bool]],
) -> Iterator[RenderableType]:
    """One artifact. `files`: path, mode, bytes; `held`: region -> kind -> whether it is there."""
    yield Text(label, style="bold cyan")
    if entry is not None:
        for name in ("artifact", "content", "fingerprint", "sbom", "provenance", "target"):
            yield Text(f"  {name:<11} {getattr(entry, name) or '-'}")
    yield heading(f"{len(files)} files, {amount(sum(size for _, _, size in files))} unpacked")
    shown = table("  at the top", "files", "size", wide="  at the top")
    for name, count, size in _tops(files):
        shown.add_row(f"  {name}", str(count), amount(size))
    yield shown
    if components:
        yield heading(f"{len(components)} components")
        listed = table("  name", "version", "licence", wide=("  name", "licence"))
        for one in components:
            listed.add_row(f"  {one['name']}", one["version"], licence(one) or "-")
        yield listed
    for region, kinds in held.items():
        lost = [kind for kind, there in kinds.items() if not there]
        told = f"lost: {', '.join(lost)}" if lost else "has " + ", ".join(kinds)
        yield Text(f"  {region}: {told}", style="bold red" if lost else "")


def _tops(files: Sequence[tuple[str, int, int]]) -> Sequence[tuple[str, int, int]]:
    """(what stands at the top of the archive, files, bytes), the largest first."""
    tops: dict[str, tuple[int, int]] = {}
    for path, _, size in files:
        name, below, _ = path.partition("/")
        count, sum_ = tops.get(name + below, (0, 0))
        tops[name + below] = (count + 1, sum_ + size)
    return sorted(((name, *both) for name, both in tops.items()), key=lambda row: (-row[2], row[0]))


def component_json(component: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": component["name"],
        "version": component["version"],
        "purl": component["purl"],
        "licence": licence(component) or None,
    }


def licence(component: Mapping[str, Any]) -> str:
    """A CycloneDX component's licence in one word or expression; empty when it states none."""
    for stated in component.get("licenses", ()):
        if "expression" in stated:
            return str(stated["expression"])
        named = stated.get("license", {})
        return str(named.get("id") or named.get("name") or "")
    return ""
