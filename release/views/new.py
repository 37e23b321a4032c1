"""What `release new` has made, and what to say next."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.scaffold import BY_NAME, Made


def made_text(made: Made) -> Iterator[RenderableType]:
    tags = made.tags
    yield Text(f"made services/{made.service}: {BY_NAME[made.kind].what}", style="bold")
    for path in made.files:
        if path.startswith(f"services/{made.service}/"):
            yield Text(f"  {path}")
    if made.brought_core:
        yield Text("and services/common, the shared core that it imports: this repository's own from now on")
    whose = f", as {made.tags_of} has them" if made.tags_of else ""
    yield Text(f"team {tags.team}, owner {tags.owner}, cost centre {tags.cost_center}{whose}")
    yield Text(f"data class {tags.data_class}: change it in service.yaml where its data are more than that")
    if not made.pipelines:
        yield Text("no pipeline releases it: add it to `services:` of a file in pipelines/", style="yellow")
    yield Text()
    yield Text("next:", style="bold")
    for command in made.next_commands:
        yield Text(f"  {command}")


def made_json(made: Made) -> dict[str, Any]:
    return {
        "service": made.service,
        "kind": made.kind,
        "folder": f"services/{made.service}",
        "files": list(made.files),
        "brought_core": made.brought_core,
        "tags": asdict(made.tags),
        "tags_of": made.tags_of,
        "pipelines": list(made.pipelines),
        "next": list(made.next_commands),
    }
