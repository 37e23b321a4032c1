"""What a stage with `via: actions` is asked for goes to its button: which workflow, with which inputs."""

from collections.abc import Mapping
from dataclasses import dataclass

from release.core.forge.names import button_file, is_plain
from release.core.models import Pipeline, Pipelines, Stage
from release.errors import GateClosed, Misconfigured
from release.promotion.setup import Request


@dataclass(frozen=True, slots=True)
class Button:
    """A workflow of the default branch, and what it is given."""

    file: str
    inputs: Mapping[str, str]


def button(pipelines: Pipelines, pipeline: Pipeline, stage: Stage, request: Request) -> Button:
    """Raises Misconfigured for what the button does not know, or wants to know."""
    if request.verb == "deploy" and stage.trigger == "push":
        raise Misconfigured(
            f"a push deploys to {stage.name}, and nothing else does (via: actions)",
            fix=f"git push origin HEAD:{pipeline.branches[0]}, or run its workflow again: gh run rerun",
            see=str(stage.source),
        )
    first = stage.channel == "qa"
    said: dict[str, str | None] = {}
    match request.verb:
        case "deploy":
            said = {"ref": request.ref}
        case "promote":
            said = {"reason": request.reason}
            if first:
                said |= {"ref": request.ref, "bump": request.bump}
        case "rollback":
            # Of another pipeline, the button's choices have its stages alone: no name needs a prefix.
            said = {"stage": stage.name, "to": request.to, "reason": request.reason}
    unknown = _unknown(request, first=first)
    if unknown:
        raise Misconfigured(
            f"{', '.join(unknown)}: the button that {request.verb}s in {stage.name} does not know that",
            fix=f"leave it out; without `via: actions` of {stage.name}, it could be said here",
            see=str(stage.source),
        )
    wants_reason = request.verb == "promote" and not first
    if wants_reason and not request.reason:
        raise Misconfigured(
            f"the button that promotes to {stage.name} wants a reason", fix="add --reason TEXT"
        )
    plain = is_plain(pipelines, pipeline)
    return Button(
        button_file(request.verb, pipeline, stage.name, plain=plain),
        {name: value for name, value in said.items() if value},
    )


def refuse_here(stage: Stage, verb: str) -> None:
    """Raises GateClosed where a stage takes nothing from this machine."""
    if stage.via == "actions":
        reason = "" if verb == "deploy" else " --reason TEXT"
        again = "gh workflow run watch.yml" if verb == "advance" else f"release {verb} {stage.name}{reason}"
        raise GateClosed(
            f"{stage.name} is filled by GitHub Actions alone (via: actions): so nobody deploys from a laptop",
            fix=f"{again}; it runs there",
            see=str(stage.source),
        )


def _unknown(request: Request, *, first: bool) -> list[str]:
    """Options that were given and that no input stands for."""
    given = {
        "--ref": request.ref is not None and request.verb == "promote" and not first,
        "--bump": request.bump != "auto" and not first,
        "--new": request.new,
        "--allow-older": request.allow_older,
        "--regions": bool(request.regions),
        "--despite-alarms": request.despite_alarms is not None,
        "--approve-destructive": request.approve_destructive is not None,
        "SERVICES": bool(request.services),
    }
    return [name for name, is_given in given.items() if is_given]
