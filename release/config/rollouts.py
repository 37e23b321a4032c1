"""`rollout:` of a stage: one for every region, or one a region."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from release.config import reader, values
from release.config.problems import one_of, shown
from release.config.reader import Fields, Value
from release.config.yaml_source import Scalar
from release.core.models import AllAtOnce, Gradual, Rollout

_MEASURED_BY: Final = ("min_samples", "max_error_rate", "max_p99", "alarms", "probe")
_GRADUAL_KEYS: Final = ("canary", "linear", "bake", *_MEASURED_BY)
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html: no call takes longer
_LONGEST_CALL: Final = timedelta(minutes=15)
DEFAULT_MIN_SAMPLES: Final = 100
DEFAULT_MAX_ERROR_RATE: Final = 0.01


def read(value: Value | None, regions: tuple[str, ...] | None) -> Mapping[str, Rollout] | None:
    """A rollout for each of these regions; None: the environment is not known, so names are not checked."""
    if value is None:
        return None
    if isinstance(value.node, Scalar):
        rollout = _one(value)
        return None if rollout is None else dict.fromkeys(regions or (), rollout)
    entries = reader.table(value)
    if entries is None:
        return None
    if any(key in _GRADUAL_KEYS for key in entries):
        rollout = _gradual(value, entries)
        return None if rollout is None else dict.fromkeys(regions or (), rollout)
    return _by_region(value, entries, regions)


def _by_region(
    value: Value, entries: Fields, regions: tuple[str, ...] | None
) -> Mapping[str, Rollout] | None:
    for region in regions or ():
        if region not in entries:
            value.wrong(
                f"says nothing about the region {region}", f"add `{region}:`, as in {region}: all-at-once"
            )
    rollouts: dict[str, Rollout] = {}
    for region, entry in entries.items():
        if regions is not None and region not in regions:
            what = f"{shown(region)} is neither a region of this environment nor a part of a rollout"
            entry.wrong(what, one_of(region, (*regions, *_GRADUAL_KEYS)))
            continue
        rollout = _one(entry) if isinstance(entry.node, Scalar) else _gradual(entry, reader.table(entry))
        if rollout is not None:
            rollouts[region] = rollout
    return {region: rollouts[region] for region in regions or rollouts if region in rollouts}


def _one(value: Value) -> Rollout | None:
    content = reader.text(value)
    if content is None:
        return None
    if content in ("canary", "linear"):
        steps = "[10, 50, 100]" if content == "canary" else "10"
        value.wrong(f"a {content} rollout needs its steps", f"write {{{content}: {steps}, bake: 5m}}")
        return None
    if content != "all-at-once":
        value.wrong(
            f"{shown(content)} is not a rollout", one_of(content, ("all-at-once", "canary", "linear"))
        )
        return None
    return AllAtOnce()


def _gradual(value: Value, entries: Fields | None) -> Gradual | None:
    if entries is None:
        return None
    kinds = [kind for kind in ("canary", "linear") if kind in entries]
    if len(kinds) != 1:
        what = "names both canary and linear" if kinds else "names neither canary nor linear"
        value.wrong(what, "write one of them, as in {canary: [10, 50, 100], bake: 5m}")
        return None
    known = reader.fields(value, (kinds[0], "bake"), _MEASURED_BY)
    kind: Literal["canary", "linear"] = "canary" if kinds[0] == "canary" else "linear"
    steps = _canary_steps(known["canary"]) if kind == "canary" else _linear_steps(known["linear"])
    bake = reader.duration(known.get("bake"))
    min_samples = reader.integer(known.get("min_samples"), 1, 1_000_000_000)
    max_error_rate = reader.share(known.get("max_error_rate"))
    max_p99 = reader.fine_duration(known.get("max_p99"), longest=_LONGEST_CALL)
    alarms = reader.texts(known.get("alarms"), values.ALARM)
    probe = reader.boolean(known.get("probe"))
    if steps is None or bake is None:
        return None
    return Gradual(
        kind=kind,
        steps=steps,
        bake=bake,
        min_samples=DEFAULT_MIN_SAMPLES if min_samples is None else min_samples,
        max_error_rate=DEFAULT_MAX_ERROR_RATE if max_error_rate is None else max_error_rate,
        alarms=alarms or (),
        source=value.source,
        max_p99=max_p99,
        probe=bool(probe),
    )


def _canary_steps(value: Value) -> tuple[int, ...] | None:
    items = reader.listing(value)
    if items is None:
        return None
    read = [reader.integer(item, 1, 100, "percent") for item in items]
    steps = tuple(step for step in read if step is not None)
    if len(steps) < len(items):
        return None
    if list(steps) != sorted(set(steps)):
        value.wrong(
            f"the steps {', '.join(map(str, steps))} do not rise", "write each step higher than the last"
        )
        return None
    if steps[-1] != 100:
        value.wrong(f"the steps end with {steps[-1]}, not with 100", "add 100 at the end")
        return None
    return steps


def _linear_steps(value: Value) -> tuple[int, ...] | None:
    step = reader.integer(value, 1, 99, "percent")
    return None if step is None else (*range(step, 100, step), 100)
