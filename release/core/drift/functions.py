"""Drift of functions: what their aliases serve, the settings behind them, and region against region."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from release.core.drift.findings import Finding, Kind, of_function
from release.core.frozen import UNKNOWN
from release.core.holding import wrote
from release.core.records import Served, StageHead
from release.core.snapshot import AliasFacts, FunctionFacts, ObservedFunction

# Settings that are the same in every region, whatever names there carry
_EVERYWHERE: Final = (
    "architectures",
    "handler",
    "memory",
    "package",
    "runtime",
    "storage",
    "timeout",
    "tracing",
)


@dataclass(frozen=True, slots=True)
class ProvisionedFacts:
    """Provisioned concurrency of one qualifier."""

    status: str  # IN_PROGRESS, READY, FAILED
    reason: str
    requested: int


@dataclass(frozen=True, slots=True)
class Copy:
    """One function in one place: the ledger's word, and what AWS has."""

    recorded: Served
    observed: ObservedFunction
    expected: tuple[
        Mapping[str, str], ...
    ]  # settings, by any template that may have made them; empty: not known
    provisioned: ProvisionedFacts | None


def function_drift(
    copy: Copy, *, stage: str, alias: str, under_way: Sequence[str], known: Collection[str]
) -> Iterator[Finding]:
    """What differs of one function. `known`: digests of code that the stage has run, by the ledger."""
    recorded, observed = copy.recorded, copy.observed

    def finding(
        kind: Kind, what: str, fix: str, *, code: str | None = None, harmless: bool = False
    ) -> Finding:
        return of_function(recorded, kind, what, fix, code=code, harmless=harmless)

    reconcile = f"release reconcile {stage} --reason TEXT"
    if observed.latest is None:
        yield finding(
            "missing",
            "there is no such function",
            "see CloudTrail for who deleted it, and docs/runbook.md, A function is gone",
        )
        return
    if observed.latest.reserved_concurrency == 0:
        put_back = f"aws lambda delete-function-concurrency --function-name {recorded.function}"
        yield finding(
            "concurrency",
            "its reserved concurrency is 0: every call is refused",
            f"{put_back} --region {recorded.region}, or give it a number",
        )
    yield from _provisioned(copy, alias)
    facts, live = observed.alias, observed.live
    if facts is not None and wrote(under_way, facts):
        yield finding(
            "moving", f"{alias} serves {facts.serving}", "wait: a rollout is under way", harmless=True
        )
        return
    yield from _latest(copy, known)
    if facts is None:
        yield finding("missing", f"it has no alias {alias}: it serves nothing", reconcile)
        return
    if live is None:
        yield finding("missing", f"{alias} names version {facts.lambda_version}, which is gone", reconcile)
        return
    if facts.weights:
        yield _weights(copy, facts, reconcile)
    if live.code != recorded.code:
        what = (
            f"{alias} serves version {facts.lambda_version}, recorded {recorded.lambda_version}: other bytes"
        )
        yield finding("code", what, reconcile, code=live.code)
    elif facts.lambda_version != recorded.lambda_version:
        moved = f"{alias} serves version {facts.lambda_version}, recorded {recorded.lambda_version}"
        yield finding("version", f"{moved}: the same bytes", reconcile)
    if different := settings_drift(copy.expected, live.settings):
        again = f"put them back (in the template, or on $LATEST), then roll out to {stage} again"
        fix = again if facts.lambda_version == recorded.lambda_version else reconcile
        yield finding("settings", f"version {facts.lambda_version} has {'; '.join(different)}", fix)


def _weights(copy: Copy, facts: AliasFacts, fix: str) -> Finding:
    """While provisioned concurrency is allocated, AWS itself splits the traffic for a while."""
    said = f"{facts.name} serves {facts.serving}"
    main = copy.recorded.lambda_version in (facts.lambda_version, *facts.weights)
    if main and copy.provisioned is not None and copy.provisioned.status == "IN_PROGRESS":
        said += ": AWS is moving provisioned concurrency"
        return of_function(copy.recorded, "weights", said, "wait until it is READY", harmless=True)
    return of_function(copy.recorded, "weights", f"{said}: no rollout is under way", fix)


def _provisioned(copy: Copy, alias: str) -> Iterator[Finding]:
    found = copy.provisioned
    if found is not None and found.status == "FAILED":
        yield of_function(
            copy.recorded,
            "provisioned",
            f"{found.requested} provisioned on {alias} failed: {found.reason or 'AWS gave no reason'}",
            "mend what the reason names, or delete the provisioned concurrency",
        )


def _latest(copy: Copy, known: Collection[str]) -> Iterator[Finding]:
    """`$LATEST` serves nobody, so what somebody does to it harms nobody; until somebody publishes it."""
    latest, live = copy.observed.latest, copy.observed.live
    if latest is None or live is None:
        return
    different = settings_drift(copy.expected, latest.settings)
    if different and different != settings_drift(copy.expected, live.settings):
        yield of_function(
            copy.recorded,
            "latest",
            f"$LATEST has {'; '.join(different)}: it serves nobody",
            "put it back: the next rollout would publish it",
            harmless=True,
        )
    if latest.code in {*known, live.code, copy.recorded.code}:
        return
    yield of_function(
        copy.recorded,
        "latest",
        "$LATEST has code that no release brought here: it serves nobody",
        "nothing is to do: the next rollout replaces it",
        code=latest.code,
        harmless=True,
    )


def settings_drift(expected: Sequence[Mapping[str, str]], live: Mapping[str, str]) -> tuple[str, ...]:
    """What differs from the candidate that is nearest. Values of environment variables are never said."""
    every = [tuple(_different(one, live)) for one in expected]
    return min(every, key=len) if every else ()


def _different(wanted: Mapping[str, str], live: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*wanted, *live}):
        is_named = name.startswith("environment.") and name not in live  # the value is not known, the name is
        if wanted.get(name) == live.get(name) or (wanted.get(name) == UNKNOWN and not is_named):
            continue
        if name.startswith("environment."):
            variable = name.removeprefix("environment.")
            if name not in live:
                yield f"no {variable} in its environment"
            elif name in wanted:
                yield f"another value of {variable} in its environment"
            elif wanted.get("environment") != UNKNOWN:
                yield f"{variable} in its environment, which no template has"
        elif name in wanted and name in live:
            yield f"{name} {live[name] or 'none'} instead of {wanted[name] or 'none'}"


def region_drift(copies: Sequence[Copy], head: StageHead) -> Iterator[Finding]:
    """One function that is not the same in two regions. That a release is in some of them only is known."""
    by_function: dict[tuple[str, str], list[Copy]] = {}
    for copy in copies:
        if copy.observed.live is not None:
            by_function.setdefault((copy.recorded.service, copy.recorded.function), []).append(copy)
    for first, *others in by_function.values():
        for other in others:
            if (what := _unlike(first.observed.live, other.observed.live)) is None:
                continue
            yield of_function(
                other.recorded,
                "regions",
                f"not as in {first.recorded.region}: {what}",
                f"release reconcile {head.stage} --reason TEXT brings both to the record",
                harmless=head.partial is not None or head.running is not None,
            )


def _unlike(one: FunctionFacts | None, other: FunctionFacts | None) -> str | None:
    if one is None or other is None:
        return None
    if one.code != other.code:
        return f"code {other.code[:10]} here, {one.code[:10]} there"
    names = (name for name in _EVERYWHERE if one.settings.get(name) != other.settings.get(name))
    different = [f"{name} {other.settings.get(name)} here, {one.settings.get(name)} there" for name in names]
    return "; ".join(different) or None
