"""`stages:` of a pipeline: read each, then the rules that hold between them."""

from dataclasses import dataclass
from typing import Final, Literal, cast

from release.config import gates, hooks, reader, rollouts
from release.config.environments import Where
from release.config.problems import one_of, shown
from release.config.reader import Fields, Value
from release.core.models import Channel, Environment, Gate, Rollout, Stage, Verification

_CHANNELS: Final = ("qa", "rc", "gold")
_REQUIRED: Final = ("name", "rollout")
_OPTIONAL: Final = ("environment", "on", "channel", "after", "gates", "verify", "on_failure", "via")
_RESERVED: Final = "default"  # the key of a service's settings that every stage starts from


@dataclass(frozen=True, slots=True)
class _Draft:
    """A stage as far as it could be read: None is absent or wrong, `said` tells which."""

    value: Value
    said: Fields
    name: str | None
    environment: Environment | None
    trigger: Literal["push", "button"]
    channel: Channel | None
    after: str | None
    gates: tuple[Gate, ...]
    rollouts: dict[str, Rollout]
    verify: tuple[Verification, ...]
    on_failure: Literal["go-on", "hold"]
    via: Literal["here", "actions"]

    @property
    def has_unknown_keys(self) -> bool:
        """One of them may be the misspelt key that a rule misses: one slip, one complaint."""
        return not self.said.keys() <= {*_REQUIRED, *_OPTIONAL}


def read(value: Value | None, where: Where) -> tuple[Stage, ...]:
    """The stages that are whole; what is wrong with the others, and between them, is among the problems."""
    items = reader.listing(value)
    if items is None:
        return ()
    drafts = [_draft(item, where) for item in items]
    _names_differ(drafts)
    _push_comes_first(drafts)
    _after_names_an_earlier_stage(drafts)
    _channels_rise(drafts)
    _channels_follow_from(drafts)
    _gates_look_back(drafts)
    return tuple(stage for draft in drafts if (stage := _stage(draft)) is not None)


def _draft(value: Value, where: Where) -> _Draft:
    said = reader.fields(value, _REQUIRED, _OPTIONAL)
    name = reader.name(said.get("name"))
    if name == _RESERVED:
        said["name"].wrong(
            f"{shown(name)} cannot be a stage: it is a key of every service's settings", "rename it"
        )
    environment = _environment(said, name, where)
    trigger = reader.choice(said.get("on"), ("push", "button"), "a trigger")
    channel = reader.choice(said.get("channel"), _CHANNELS, "a channel")
    on_failure = reader.choice(said.get("on_failure"), ("go-on", "hold"), "what a failure leads to")
    via = reader.choice(said.get("via"), ("here", "actions"), "a way into a stage")
    return _Draft(
        value=value,
        said=said,
        name=name,
        environment=environment,
        trigger="push" if trigger == "push" else "button",
        channel=cast("Channel | None", channel),
        after=reader.text(said.get("after")),
        gates=gates.read(said.get("gates")) or (),
        rollouts=dict(rollouts.read(said.get("rollout"), environment.regions if environment else None) or {}),
        verify=hooks.verifications(said.get("verify")),
        on_failure="hold" if on_failure == "hold" else "go-on",
        via="actions" if via == "actions" else "here",
    )


def _environment(said: Fields, name: str | None, where: Where) -> Environment | None:
    """The environment of the stage's own name, unless `environment:` says another one."""
    if "environment" in said:
        wanted, place = reader.text(said["environment"]), said["environment"]
    elif name is not None:
        wanted, place = name, said["name"]
    else:
        return None
    if wanted is None or where.declared is None:
        return None
    if wanted not in where.declared:
        fix = one_of(wanted, sorted(where.declared))
        if "environment" not in said:
            fix = f"add it to pipelines/environments.yaml, or say which one with `environment:`; {fix}"
        place.wrong(f"there is no environment {shown(wanted)}", fix)
    return where.environments.get(wanted)


def _stage(draft: _Draft) -> Stage | None:
    if draft.name is None or draft.environment is None:
        return None
    return Stage(
        name=draft.name,
        environment=draft.environment,
        trigger=draft.trigger,
        channel=draft.channel,
        after=draft.after,
        gates=draft.gates,
        rollouts=draft.rollouts,
        verify=draft.verify,
        source=draft.value.source,
        on_failure=draft.on_failure,
        via=draft.via,
    )


def _names_differ(drafts: list[_Draft]) -> None:
    first: dict[str, _Draft] = {}
    for draft in drafts:
        if draft.name is None:
            continue
        if draft.name in first:
            line = first[draft.name].said["name"].line
            draft.said["name"].wrong(
                f"a stage {shown(draft.name)} is there already, in line {line}", "rename one"
            )
        first.setdefault(draft.name, draft)


def _push_comes_first(drafts: list[_Draft]) -> None:
    pushed = [draft for draft in drafts if draft.trigger == "push"]
    for draft in pushed:
        if draft.channel is not None:
            what = f"a stage that a push starts gives no tag, and this one has the channel {draft.channel}"
            draft.said["on"].wrong(what, "take out `on` or `channel`")
        if draft is not pushed[0]:
            line = pushed[0].said["on"].line
            draft.said["on"].wrong(
                f"a push starts one stage, and line {line} has it already", "take out one `on`"
            )
        elif draft is not drafts[0]:
            draft.said["on"].wrong("the stage that a push starts must be the first", "move it to the top")


def _after_names_an_earlier_stage(drafts: list[_Draft]) -> None:
    names = [draft.name for draft in drafts if draft.name is not None]
    earlier: list[str] = []
    for draft in drafts:
        if draft.after is not None and draft.after not in earlier:
            place = draft.said["after"]
            if draft.after == draft.name:
                place.wrong("a stage cannot come after itself", "name an earlier stage, or take the line out")
            elif draft.after in names:
                place.wrong(f"the stage {shown(draft.after)} comes later", "put the stages in their order")
            elif earlier:
                place.wrong(f"there is no earlier stage {shown(draft.after)}", one_of(draft.after, earlier))
            else:
                place.wrong("the first stage comes after no other", "take the line out")
        if draft.name is not None:
            earlier.append(draft.name)


def _channels_rise(drafts: list[_Draft]) -> None:
    highest: _Draft | None = None
    for draft in drafts:
        if draft.channel is None:
            continue
        if highest is not None and highest.channel is not None:
            line = highest.said["channel"].line
            if draft.channel == highest.channel:
                what = f"the channel {draft.channel} is given already, in line {line}"
                draft.said["channel"].wrong(what, "give each channel to one stage")
                continue
            if _CHANNELS.index(draft.channel) < _CHANNELS.index(highest.channel):
                what = f"the channel {draft.channel} comes after {highest.channel} of line {line}"
                draft.said["channel"].wrong(what, "keep the order qa, rc, gold")
                continue
        highest = draft


def _channels_follow_from(drafts: list[_Draft]) -> None:
    """An rc is what the qa stage runs, a gold is what a stage with qa or rc runs, without the suffix."""
    by_name = {draft.name: draft for draft in reversed(drafts) if draft.name is not None}
    for draft in drafts:
        if draft.channel is None:
            continue
        if "after" not in draft.said and not draft.has_unknown_keys:
            what = f"a stage with the channel {draft.channel} needs a stage that it comes after"
            draft.said["channel"].wrong(what, "add `after:` with the stage that proves the commit first")
            continue
        before = by_name.get(draft.after) if draft.after is not None else None
        if before is None or before is draft or draft.channel == "qa":
            continue
        if before.channel is None and "channel" not in before.said and not before.has_unknown_keys:
            what = f"{draft.channel} is made of what {draft.after} runs, and {draft.after} has no channel"
            draft.said["after"].wrong(
                what, f"name the stage with {'qa' if draft.channel == 'rc' else 'rc or qa'}"
            )


def _gates_look_back(drafts: list[_Draft]) -> None:
    """What asks about the stage before would be closed for ever where there is none."""
    for draft in drafts:
        # With a channel, or a misspelt key, the missing `after` has been named already.
        if "after" in draft.said or draft.channel is not None or draft.has_unknown_keys:
            continue
        places = reader.table(draft.said.get("gates")) or {}
        for gate in draft.gates:
            if gate.name in ("soak", "signed_off"):
                what = f"the gate {gate.name} asks about the stage before, and this one comes after none"
                places[gate.name].wrong(what, "add `after:` with that stage, or take the line out")
