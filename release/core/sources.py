"""What functions of several services consume of one queue or stream, by their templates. Pure.

A message of a queue goes to one consumer, whoever is first: two services would each get a part. A shard of a
stream can be read by two at the same time; more are throttled.
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from release.core.blockers import Blocker
from release.core.infra_in_force import in_force
from release.core.infra_values import Template, Value, function_of, mapping
from release.core.models import Place
from release.core.snapshot import ALIAS_EXISTS

MAPPING: Final = "AWS::Lambda::EventSourceMapping"
_READERS: Final = 2  # of a stream
# Type of what is consumed -> the property with its name, and its ARN after the partition
_NAMED: Final[Mapping[str, tuple[str, str]]] = {
    "AWS::DynamoDB::GlobalTable": ("TableName", "dynamodb:{at}:table/{name}/stream"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:{at}:table/{name}/stream"),
    "AWS::Kinesis::Stream": ("Name", "kinesis:{at}:stream/{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{at}:{name}"),
}
# Each of these gets every record for itself, in a consumer group or a change stream of its own.
_OF_ITS_OWN: Final = ("Topics", "SelfManagedEventSource", "DocumentDBEventSourceConfig")
_VARIABLE: Final = re.compile(r"\$\{([^!}][^}]*)\}")

Kind = Literal["queue", "stream"]


@dataclass(frozen=True, slots=True)
class Consumer:
    """An event source mapping of a service in one place."""

    service: str
    name: str  # logical id
    region: str
    kind: Kind
    source: str  # the same for the same source: an ARN without its partition, the name of an export …


def consumers(template: Template, *, service: str, stack: str, place: Place) -> Iterator[Consumer]:
    """Every mapping of a template that takes from what others may take from, too."""
    read = _Read(in_force(template, {ALIAS_EXISTS: "true"}, place, stack), template, stack, place)
    for name, resource in read.resources.items():
        properties = mapping(mapping(resource).get("Properties"))
        if mapping(resource).get("Type") != MAPPING or "EventSourceArn" not in properties:
            continue
        if properties.get("Enabled") == "false" or any(one in properties for one in _OF_ITS_OWN):
            continue
        source = read.text(properties["EventSourceArn"])
        if source is None or (":stream/" in source and "/consumer/" in source):
            continue
        queues = properties.get("Queues")  # of a broker of Amazon MQ
        source += f" {queues}" if queues else ""
        kind: Kind = "stream" if "StartingPosition" in properties else "queue"
        yield Consumer(service, name, place.region, kind, _without_label(source))


def exports(template: Template, *, stack: str, place: Place) -> Mapping[str, str]:
    """Name of an export -> the source that it stands for, of those whose name and value are known."""
    read = _Read(in_force(template, {ALIAS_EXISTS: "true"}, place, stack), template, stack, place)
    found = {}
    for output in mapping(read.template.get("Outputs")).values():
        name = read.text(mapping(mapping(output).get("Export")).get("Name"))
        value = read.text(mapping(output).get("Value"))
        if name is not None and value is not None:
            found[name] = _without_label(value)
    return found


def shared(
    found: Sequence[Consumer], exported: Mapping[tuple[str, str], str], where: Mapping[tuple[str, str], str]
) -> tuple[Blocker, ...]:
    """Sources that services contend for. `exported`: (region, name of an export) -> source; `where`:
    (service, logical id) -> file and line.
    """
    groups: dict[tuple[str, str, Kind], list[Consumer]] = {}
    for one in found:
        source = exported.get((one.region, one.source.removeprefix(_IMPORT)), one.source)
        groups.setdefault((source, one.region, one.kind), []).append(one)
    regions: dict[tuple[Kind, str, tuple[tuple[str, str], ...]], list[str]] = {}
    for (source, region, kind), group in groups.items():
        services = {one.service for one in group}
        if len(services) > 1 and (kind == "queue" or len(group) > _READERS):
            # The same in every region but for its name in the ARN: told once.
            names = tuple(sorted((one.service, one.name) for one in group))
            regions.setdefault((kind, source.rsplit(":", 1)[-1], names), []).append(region)
    return tuple(
        _blocker(kind, source, names, places, where)
        for (kind, source, names), places in sorted(regions.items())
    )


def line_of(text: str, name: str) -> int | None:
    """The line of a template that people edit on which a resource begins: where its logical id stands first,
    and is not referred to. None: the id is put together there.
    """
    stands = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])")
    refers = re.compile(rf"(!Ref|!GetAtt|Ref:|GetAtt:?)\s*\[?\s*['\"]?{re.escape(name)}|^\s*(#|{{#)")
    lines = text.splitlines()
    return next(
        (at for at, line in enumerate(lines, 1) if stands.search(line) and not refers.search(line)), None
    )


_IMPORT: Final = "import "


def _blocker(
    kind: Kind,
    source: str,
    names: Sequence[tuple[str, str]],
    regions: Sequence[str],
    where: Mapping[tuple[str, str], str],
) -> Blocker:
    services = " and ".join(dict.fromkeys(service for service, _ in names))
    places = ", ".join(f"{where.get(one, one[0])} ({one[1]})" for one in names)
    what = f"the {kind} {source} in {', '.join(sorted(regions))}"
    if kind == "queue":
        return Blocker(
            "shared-source",
            f"{services} both consume {what}, and each message goes to one of them alone: {places}",
            "give each a queue of its own, behind a topic that copies to both; or let one consume it alone",
        )
    return Blocker(
        "shared-source",
        f"{len(names)} functions of {services} read {what}, and a shard has room for {_READERS}: {places}",
        "let one of them read it and hand the records on; or, of Kinesis, give each a consumer of its own"
        " (AWS::Kinesis::StreamConsumer)",
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """A template in one place, with what it says of names."""

    template: Template  # what is in force of it
    written: Template
    stack: str
    place: Place

    @property
    def resources(self) -> Mapping[str, Value]:
        return mapping(self.template.get("Resources"))

    def text(self, value: "Value | None") -> str | None:
        """None: only CloudFormation knows."""
        if value is None or isinstance(value, str):
            return value
        if not isinstance(value, Mapping) or (name := function_of(value)) is None:
            return None
        argument = value[name]
        match name:
            case "Ref" if isinstance(argument, str):
                return self._parameter(argument)
            case "Fn::GetAtt" if isinstance(argument, str):
                return self._source(argument.split(".")[0])
            case "Fn::ImportValue":
                exported = self.text(argument)
                return None if exported is None else _IMPORT + exported
            case "Fn::Sub":
                return self._substituted(argument)
            case "Fn::Join" if not isinstance(argument, str | Mapping) and len(argument) == 2:
                return self._joined(*argument)
            case _:
                return None

    def _parameter(self, name: str) -> str | None:
        pseudo = {
            "AWS::Region": self.place.region,
            "AWS::AccountId": self.place.account,
            "AWS::StackName": self.stack,
            "AWS::Partition": "aws",
        }
        if name in pseudo:
            return pseudo[name]
        declared = mapping(mapping(self.written.get("Parameters")).get(name))
        kind, default = declared.get("Type"), declared.get("Default")
        if isinstance(kind, str) and kind.startswith("AWS::SSM::") and isinstance(default, str):
            return f"parameter {default}"
        return None

    def _source(self, resource: str) -> str:
        """What a queue, table or stream of the template is; without a name it is known to its stack alone."""
        found = mapping(self.resources.get(resource))
        kind = found.get("Type")
        naming, arn = _NAMED.get(kind, ("", "")) if isinstance(kind, str) else ("", "")
        name = self.text(mapping(found.get("Properties")).get(naming))
        if name is None:
            return f"{resource} of stack {self.stack}"
        return "arn:aws:" + arn.format(at=f"{self.place.region}:{self.place.account}", name=name)

    def _substituted(self, argument: Value) -> str | None:
        given: Mapping[str, Value] = {}
        text: Value = argument
        if not isinstance(argument, str | Mapping) and len(argument) == 2:
            text, given = argument[0], mapping(argument[1])
        if not isinstance(text, str):
            return None
        unknown = False

        def word(found: re.Match[str]) -> str:
            nonlocal unknown
            name = found[1].strip()
            value = self.text(given[name]) if name in given else self._variable(name)
            unknown = unknown or value is None
            return value or ""

        filled = _VARIABLE.sub(word, text)
        return None if unknown else filled

    def _variable(self, name: str) -> str | None:
        return self._source(name.split(".")[0]) if "." in name else self._parameter(name)

    def _joined(self, between: Value, parts: Value) -> str | None:
        if not isinstance(between, str) or isinstance(parts, str | Mapping):
            return None
        texts = [self.text(one) for one in parts]
        return None if None in texts else between.join(one for one in texts if one is not None)


def _without_label(source: str) -> str:
    """An ARN without its partition, and that of a table's stream without the moment it was switched on."""
    source = re.sub(r"^arn:[^:]+:", "", source)
    return re.sub(r"(:table/[^/]+/stream)(/.*)?$", r"\1", source)
