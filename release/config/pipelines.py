"""All of `pipelines/`: environments, one file per pipeline, and the rules that hold between pipelines."""

import re
from collections.abc import Collection, Mapping
from typing import Final, cast

from release.config import environments, notifications, reader, stages, values
from release.config.environments import Where
from release.config.files import complain
from release.config.problems import Problems, shown, shown_place
from release.config.reader import Value
from release.core.models import Channel, Odd, Pipeline, Pipelines, Source

_FILE = re.compile(r"pipelines/([^/]+)\.(yaml|yml)", re.IGNORECASE)
_VERSION: Final = "{version}"
_CHANNELS: Final = ("qa", "rc", "gold")
# git check-ref-format(1), for the part of a tag's name before its version. It must not end with a digit or a
# dot either, or versions of two pipelines could be one name.
_TAG_PREFIX = values.Grammar(
    re.compile(r"(?![/.-])(?!.*(?://|\.\.|@\{|/\.|\.lock/))[A-Za-z0-9._/+=@#%{}-]*[A-Za-z_/-]|", re.ASCII),
    "cannot begin the name of a tag",
    "end it with a letter, '-', '_' or '/', as in v{version} or payments/v{version}",
)


def load_pipelines(texts: Mapping[str, bytes], odd: Mapping[str, Odd] | None = None) -> Pipelines:
    """`pipelines/*.yaml` (repository path -> content) as frozen models.

    `odd` is what stands in the place of such a file. Raises ConfigurationErrors with every error.
    """
    problems = Problems()
    complain(odd or {}, problems)
    files: dict[str, str] = {}
    for file in sorted(texts):
        match = _FILE.fullmatch(file)
        if match is None or file == environments.FILE:
            continue
        if match[2] != "yaml":
            problems.add(
                Source(file, 1, ""), "only files that end in .yaml are read", f"rename it to {match[1]}.yaml"
            )
            continue
        files[file] = match[1]
    missing = environments.FILE not in texts and environments.FILE not in (odd or {})
    where = environments.read(texts.get(environments.FILE), problems, missing=missing)
    if not files and not odd:
        what = "there is no pipeline beside the environments"
        problems.add(Source(environments.FILE, 1, ""), what, "write one, as in pipelines/fleet.yaml")
    pipelines: dict[str, Pipeline] = {}
    prefixes: dict[str, Value] = {}
    for file, name in files.items():
        pipeline = _pipeline(name, reader.read_file(file, texts[file], problems), where, prefixes, problems)
        if pipeline is not None:
            pipelines[name] = pipeline
    problems.raise_any()
    named = {name: [stage.name for stage in pipeline.stages] for name, pipeline in pipelines.items()}
    notifications.check_names(where.notifications, named)
    problems.raise_any()
    assert where.artifacts is not None and where.alias is not None  # noqa: S101  their absence is a problem above
    return Pipelines(where.environments, where.artifacts, where.alias, pipelines, where.recipients)


def _pipeline(
    name: str, value: Value | None, where: Where, prefixes: dict[str, Value], problems: Problems
) -> Pipeline | None:
    if value is None:
        return None
    if values.NAME.pattern.fullmatch(name) is None or len(name) > values.LONGEST_NAME:
        problems.add(
            Source(value.file, 1, ""), f"the file's name {shown(name)} {values.NAME.what}", values.NAME.fix
        )
    known = reader.fields(value, ("services", "tags", "branches", "stages"), ("releases",))
    services = reader.texts(known.get("services"), values.SERVICE_GLOB)
    prefix = _tag_prefix(known.get("tags"))
    if prefix is not None:
        _prefixes_differ(prefix, known["tags"], prefixes)
    branches = reader.texts(known.get("branches"), values.BRANCH_GLOB)
    so_far = len(problems)
    read = stages.read(known.get("stages"), where)
    given = {stage.channel for stage in read} if len(problems) == so_far else None
    return Pipeline(
        name=name,
        services=services or (),
        tag_prefix=prefix or "",
        branches=branches or (),
        stages=read,
        source=value.source,
        releases=_releases(known.get("releases"), given),
    )


def _releases(value: Value | None, given: Collection[Channel | None] | None) -> tuple[Channel, ...]:
    """Channels whose tags become releases on GitHub. One that no stage gives would do nothing; `given` None:
    which those are cannot be known.
    """
    items = reader.listing(value, may_be_empty=True)
    if items is None:
        return ("gold",)
    found: dict[Channel, None] = {}
    for item in items:
        channel = reader.choice(item, _CHANNELS, "a channel")
        if channel is None:
            continue
        if given is not None and channel not in given:
            item.wrong(f"no stage has the channel {channel}", "name a channel that a stage gives")
        if channel in found:
            item.wrong(f"{shown(channel)} is in the list twice", "keep one of the two")
        found[cast("Channel", channel)] = None
    return tuple(found)


def _tag_prefix(value: Value | None) -> str | None:
    pattern = reader.text(value, longest=100)
    if value is None or pattern is None:
        return None
    if pattern.count(_VERSION) != 1 or not pattern.endswith(_VERSION):
        what = f"{shown(pattern)} must hold {_VERSION} once, at its end"
        value.wrong(what, "write it as in v{version} or payments/v{version}")
        return None
    prefix = pattern.removesuffix(_VERSION)
    if _TAG_PREFIX.pattern.fullmatch(prefix) is None:
        value.wrong(f"{shown(prefix)} {_TAG_PREFIX.what}", _TAG_PREFIX.fix)
        return None
    return prefix


def _prefixes_differ(prefix: str, value: Value, prefixes: dict[str, Value]) -> None:
    for other, place in prefixes.items():
        pipeline = value.file.removeprefix("pipelines/").removesuffix(".yaml")
        fix = f"give one of them another prefix, as in {pipeline}/v{_VERSION}"
        if prefix.casefold() == other.casefold():
            but_for_case = (
                "" if prefix == other else " but for upper and lower case, which not every disk tells apart"
            )
            value.wrong(f"{shown_place(place.source)} has the same tags{but_for_case}", fix)
        elif _blocks(prefix, other) or _blocks(other, prefix):
            value.wrong(
                f"the tags {shown(prefix)} and {shown(other)} of {shown_place(place.source)} can be in each"
                " other's way: in git the tag v1 excludes every tag v1/…",
                fix,
            )
    prefixes.setdefault(prefix, value)


def _blocks(short: str, long: str) -> bool:
    return re.match(re.escape(short) + r"[0-9][^/]*/", long, re.ASCII | re.IGNORECASE) is not None
