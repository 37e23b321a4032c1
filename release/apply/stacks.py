"""Puts a service's stack in place, on the way forward and back."""

from release.apply.work import Work
from release.core.models import Place
from release.core.plan import ALIAS_EXISTS
from release.core.snapshot import StackFacts


def put_stack(
    work: Work,
    service: str,
    place: Place,
    name: str,
    template: str,
    *,
    alias_exists: bool,
    create: bool = False,
) -> StackFacts | None:
    """Create or update a stack, and wait for its end. None: there was nothing to change.

    `template` is a digest; `alias_exists`: with the triggers that name the alias. Raises RolloutFailed.
    """
    stacks, body = work.tools.stacks, work.tools.artifacts.get(template, kind="template").decode()
    parameters = {ALIAS_EXISTS: "true" if alias_exists else "false"}
    tags = {"release:service": service, "release:stage": work.plan.stage}
    if create:
        stacks.create(place, name, body, parameters=parameters, tags=tags)
    elif not stacks.update(place, name, body, parameters=parameters, tags=tags):
        return None
    return stacks.settled(place, name)
