"""Whether a rollback is possible, before it starts: every target exists, holds the bytes, and answers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from release.apply.work import Tools
from release.core import smoke
from release.core.blockers import Blocker
from release.core.manifest import Target
from release.core.models import Place
from release.core.records import Served
from release.errors import ForeignChange, Unavailable

_IN_FLIGHT = 64  # reads and invocations: neither draws on the 15 control calls a second


@dataclass(frozen=True, slots=True)
class Proven:
    """What is known of the lambda versions that a rollback goes to."""

    gone: frozenset[tuple[str, str, str]]  # (account, region, function): the recorded version is no more
    warnings: tuple[str, ...]
    blockers: tuple[Blocker, ...]


def prove(
    tools: Tools, wanted: Sequence[Target], recorded: Sequence[Served], places: Sequence[Place]
) -> Proven:
    """Look at every recorded version and smoke-test it. Changes nothing. Raises Unavailable."""
    targets = {target.service: target for target in wanted}
    at = {(place.account, place.region): place for place in places}
    known = [
        (one, targets[one.service], at[one.account, one.region])
        for one in recorded
        if one.service in targets and (one.account, one.region) in at and one.lambda_version and one.code
    ]
    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="prove") as pool:
        found = list(pool.map(lambda one: _prove(tools, *one), known))
    return Proven(
        frozenset(one.where for (one, _, _), what in zip(known, found, strict=True) if what == _GONE),
        tuple(what for what in found if isinstance(what, str) and what != _GONE),
        tuple(what for what in found if isinstance(what, Blocker)),
    )


_GONE = "gone"


def _prove(tools: Tools, one: Served, target: Target, place: Place) -> str | Blocker | None:
    """None: it stands and answers. `_GONE`, or a warning, or what stands in the way."""
    version = one.lambda_version or ""
    facts = tools.functions.function(place, one.function, version)
    if facts is None or facts.code != one.code or facts.state == "Failed":
        return _GONE
    where = f"version {version} of {one.function} in {place.region}"
    settings = target.settings
    try:
        answer = tools.functions.invoke(
            place, one.function, version, smoke.payload(settings), timeout=settings.smoke_timeout
        )
    except (Unavailable, ForeignChange) as error:
        return f"{where} stands, but did not answer: {error.cause}"
    match smoke.judge(answer, settings, lambda_version=version):
        case smoke.Failed(reason=reason):
            return Blocker(
                "target-sick",
                f"{where} fails its smoke test now: {reason}",
                "mend what it depends on, or go back further: --to TAG",
            )
        case smoke.Errored(reason=reason):
            return f"{where} stands, but got no verdict: {reason}"
        case _:
            return None
