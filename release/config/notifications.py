"""`notifications:` — who is told of what happens in a stage, and where a webhook's address is kept."""

import re
from collections.abc import Collection, Mapping
from typing import Final, cast, get_args

from release.config import reader, values
from release.config.problems import one_of, shown
from release.config.reader import Value
from release.config.values import Grammar
from release.config.yaml_source import Table
from release.core.recipients import NEEDS_A_PERSON, Medium, Occasion, Recipient

_MEDIA: Final = get_args(Medium)
_FILTERS: Final = ("on", "stages", "pipelines")
_OCCASION: Final = Grammar(
    re.compile("|".join(get_args(Occasion))),
    "is nothing that anybody is told of",
    f"write some of {', '.join(get_args(Occasion))}",
)
# Secrets Manager and Systems Manager, by ARN; the variable's name in capitals, as they are written everywhere
_KEPT: Final = re.compile(
    r"[A-Z][A-Z0-9_]{1,99}"
    r"|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+"
    r"|arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9/_.-]+",
    re.ASCII,
)
_KEEP: Final = (
    "keep the address in an environment variable, and write its name, as in RELEASE_SLACK_WEBHOOK;"
    " or in Secrets Manager or the Parameter Store, and write the ARN"
)


def read(value: Value | None, alerts: Value | None) -> tuple[Recipient, ...]:
    """`alerts:` are topics that are told of what needs a person."""
    topics = reader.texts(alerts, values.TOPIC) or ()
    told = tuple(Recipient("sns", topic, NEEDS_A_PERSON) for topic in topics)
    found = [_recipient(item) for item in reader.listing(value) or ()]
    return (*told, *(one for one in found if one is not None))


def check_names(value: Value | None, pipelines: Mapping[str, Collection[str]]) -> None:
    """What is told must be able to happen: pipelines and their stages by name."""
    stages = list(dict.fromkeys(stage for names in pipelines.values() for stage in names))
    for item in reader.listing(value) or ():
        said = reader.table(item) or {}
        for key, known in (("stages", stages), ("pipelines", list(pipelines))):
            for name in reader.listing(said.get(key)) or ():
                text = reader.text(name)
                if text is not None and text not in known:
                    name.wrong(f"there is no {key.removesuffix('s')} {shown(text)}", one_of(text, known))


def _recipient(item: Value) -> Recipient | None:
    said = reader.fields(item, (), (*_MEDIA, *_FILTERS))
    if not isinstance(item.node, Table):
        return None
    media = [medium for medium in _MEDIA if medium in said]
    if len(media) != 1:
        what = f"names {' and '.join(media)}" if media else "names nobody"
        item.wrong(what, f"write one of {', '.join(f'`{medium}:`' for medium in _MEDIA)}")
    on = reader.texts(said.get("on"), _OCCASION)
    stages = reader.texts(said.get("stages"), values.NAME)
    pipelines = reader.texts(said.get("pipelines"), values.NAME)
    if len(media) != 1:
        return None
    medium = cast(Medium, media[0])
    where = reader.text(said[medium], values.TOPIC) if medium == "sns" else _kept(said[medium])
    if where is None:
        return None
    return Recipient(medium, where, cast("tuple[Occasion, ...] | None", on), stages, pipelines)


def _kept(value: Value) -> str | None:
    """Where an address is kept. One that stands in the file itself is a secret: no message repeats it."""
    text = reader.text(value)
    if text is None or _KEPT.fullmatch(text):
        return text
    if "://" in text or "/" in text or "." in text:
        what = "looks like an address: whoever reads this file could write there"
    else:
        what = "is neither the name of an environment variable in capitals nor the ARN of a secret"
    value.wrong(what, _KEEP)
    return None
