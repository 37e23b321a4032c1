"""How a service is built, as far as its service.yaml says it: enters the fingerprint beside the files."""

from typing import Any, Literal, TypeAlias

from release.core.models import Service

How: TypeAlias = Literal["python", "node", "command", "none"]


def how_built(service: Service) -> How:
    """`none`: this runtime has no builder of its own, and the service brings no command."""
    if service.build.command is not None:
        return "command"
    if service.runtime.startswith("python"):
        return "python"
    return "node" if service.runtime.startswith("nodejs") else "none"


def entries(service: Service) -> tuple[str, ...]:
    """Modules of a Node service that its functions start with, without ending, sorted: `src/price`."""
    return tuple(sorted({function.handler.rpartition(".")[0] for function in service.functions}))


def recipe(service: Service) -> Any:
    """What of a service's configuration shapes its artifact beside files, runtime and architecture, as JSON.

    None for Python, whose artifact is its files and wheels. How long a build may take shapes nothing.
    """
    build = service.build
    match how_built(service):
        case "command":
            # A command knows the name, by RELEASE_SERVICE and by its folder.
            return {"command": list(build.command or ()), "output": build.output, "service": service.name}
        case "node":
            return {
                "entries": list(entries(service)),
                "minify": build.minify,
                "source_maps": build.source_maps,
                "external": list(build.external),
            }
        case _:
            return None
