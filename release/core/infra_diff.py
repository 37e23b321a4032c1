"""Two CloudFormation templates of one stack, resource by resource. Pure: they come read, all scalars as text.

What is not told: that a value which another resource returns (`!GetAtt`) changes along with a replacement of
that resource. CloudFormation finds that out when it updates.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

# A template as it was read: `256` and `"256"` are the same to CloudFormation, so every scalar is a text.
Value: TypeAlias = "str | Sequence[Value] | Mapping[str, Value]"
Template: TypeAlias = "Mapping[str, Value]"
Action = Literal["add", "modify", "replace", "remove"]
Replacement = Literal["no", "perhaps", "yes"]

RESOURCES: Final = "Resources"
# What says who one element of a list is, in the order in which they are tried.
_KEYS: Final = ("Key", "Sid", "PolicyName", "AttributeName", "IndexName", "Name", "Id")
_UNORDERED: Final = frozenset({"Tags"})  # CloudFormation compares tags by their keys
_KEEPING: Final = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})
_REFERENCES: Final = ("Ref", "Condition")
# path of a difference, the same without elements of lists, and both values
_Differing: TypeAlias = "tuple[tuple[str, ...], tuple[str, ...], Value | None, Value | None]"

# Types of which something is lost with the resource that no template brings back.
_HOLDS_DATA: Final = frozenset(
    {
        "AWS::Backup::BackupVault",
        "AWS::Cognito::UserPool",
        "AWS::DocDB::DBCluster",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::Volume",
        "AWS::EFS::FileSystem",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::Elasticsearch::Domain",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::Neptune::DBCluster",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::SecretsManager::Secret",
        "AWS::Timestream::Table",
    }
)


@dataclass(frozen=True, slots=True)
class CreateOnly:
    """Properties of one type that only a new resource can have: each the names that lead to it."""

    always: tuple[tuple[str, ...], ...] = ()
    sometimes: tuple[tuple[str, ...], ...] = ()  # depending on the values


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs."""

    path: str  # from the resource: "Properties.Tags[env].Value"
    before: "Value | None"  # None: it is not there
    after: "Value | None"
    replacement: Replacement = "no"


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource, output, parameter … that differs."""

    section: str  # "Resources", "Outputs", …; of what stands alone, such as "Description", its own name
    name: str
    kind: str  # type of a resource; "" elsewhere
    action: Action  # "replace" only where that is certain
    changes: tuple[Change, ...] = ()  # of "modify" and "replace"
    holds_data: bool = False
    kept: bool = False  # of "replace" and "remove": CloudFormation leaves the old one where it is
    is_known: bool = True  # whether the type is known, so that its replacements are

    @property
    def replacement(self) -> Replacement:
        found = {change.replacement for change in self.changes}
        return "yes" if "yes" in found else "perhaps" if "perhaps" in found else "no"

    @property
    def loses_data(self) -> bool:
        return self.holds_data and not self.kept and (self.action == "remove" or self.replacement != "no")


@dataclass(frozen=True, slots=True)
class StackDifference:
    """One service in one stage whose template is another one."""

    service: str
    stage: str
    stack: str
    regions: tuple[str, ...]
    is_new: bool  # the base has no such stack
    entries: tuple[Entry, ...]  # empty: only comments, order of keys or ways of writing differ


@dataclass(frozen=True, slots=True)
class Difference:
    """Two commits, by service and stage."""

    base: str  # commit ids
    head: str
    stacks: tuple[StackDifference, ...]  # those whose text differs, by service, in the order of the stages
    notes: tuple[str, ...]  # what no template says: stacks that are left alone, a base that cannot be read


def compare_templates(
    before: "Template | None", after: "Template | None", create_only: Mapping[str, CreateOnly]
) -> tuple[Entry, ...]:
    """What differs, resources first. None: there is no such stack.

    `create_only`: by type of resource. A type that is not in it may be replaced by any change.
    """
    old, new = before or {}, after or {}
    sections = sorted({*old, *new}, key=lambda section: (section != RESOURCES, section))
    return tuple(
        entry
        for section in sections
        for entry in _section(section, old.get(section), new.get(section), create_only)
    )


def shown(value: "Value | None") -> str:
    """A value on one line, with the short form of functions."""
    match value:
        case None:
            return "nothing"
        case str():
            return value if value and value.isprintable() else json.dumps(value)
        case Mapping() if (name := _function(value)) is not None:
            (argument,) = value.values()
            return f"!{name.removeprefix('Fn::')} {shown(argument)}"
        case Mapping():
            return "{" + ", ".join(f"{key}: {shown(one)}" for key, one in sorted(value.items())) + "}"
        case _:
            return "[" + ", ".join(map(shown, value)) + "]"


def _section(
    section: str, old: "Value | None", new: "Value | None", create_only: Mapping[str, CreateOnly]
) -> Iterator[Entry]:
    if not isinstance(old or {}, Mapping) or not isinstance(new or {}, Mapping):
        # a text such as Description, or a list such as Transform
        if old != new:
            action: Action = "add" if old is None else "remove" if new is None else "modify"
            yield Entry(section, section, "", action, (Change("", old, new),))
        return
    olds = old if isinstance(old, Mapping) else {}
    news = new if isinstance(new, Mapping) else {}
    for name in sorted({*olds, *news}):
        one, other = olds.get(name), news.get(name)
        if one != other:
            found = (
                _resource(name, one, other, create_only)
                if section == RESOURCES
                else _plain(section, name, one, other)
            )
            if found is not None:
                yield found


def _plain(section: str, name: str, old: "Value | None", new: "Value | None") -> Entry | None:
    if old is None or new is None:
        return Entry(section, name, "", "add" if old is None else "remove", (Change("", old, new),))
    changes = tuple(
        Change(".".join(path) or "", one, other) for path, _, one, other in _differing(old, new, (), ())
    )
    return Entry(section, name, "", "modify", changes) if changes else None


def _resource(
    name: str, old: "Value | None", new: "Value | None", create_only: Mapping[str, CreateOnly]
) -> Entry | None:
    kind = _text(new, "Type") or _text(old, "Type")
    holds = kind in _HOLDS_DATA or _text(old, "Type") in _HOLDS_DATA
    if old is None:
        return Entry(RESOURCES, name, kind, "add", holds_data=holds)
    if new is None:
        return Entry(
            RESOURCES,
            name,
            kind,
            "remove",
            holds_data=holds,
            kept=_text(old, "DeletionPolicy") in _KEEPING,
        )
    is_known = kind in create_only or kind.startswith(("Custom::", "AWS::CloudFormation::"))
    rules = create_only.get(kind, CreateOnly())
    changes = tuple(
        Change(".".join(path), one, other, _replaces(rules, plain, one, other, is_known=is_known))
        for path, plain, one, other in _differing(old, new, (), ())
    )
    if not changes:
        return None
    certain = any(change.replacement == "yes" for change in changes)
    return Entry(
        RESOURCES,
        name,
        kind,
        "replace" if certain else "modify",
        changes,
        holds_data=holds,
        # Which of the two counts when it is changed along with the property, AWS does not say: both must.
        kept=all(_text(one, "UpdateReplacePolicy") in _KEEPING for one in (old, new)),
        is_known=is_known,
    )


def _replaces(
    rules: CreateOnly, path: tuple[str, ...], old: "Value | None", new: "Value | None", *, is_known: bool
) -> Replacement:
    if path[:1] == ("Type",):
        return "yes"
    if path[:1] != ("Properties",):
        return "no"  # DeletionPolicy, Condition, DependsOn …: of the template, not of the resource
    if any(_touches(pointer, path[1:], old, new) for pointer in rules.always):
        return "yes"
    if not is_known or any(_touches(pointer, path[1:], old, new) for pointer in rules.sometimes):
        return "perhaps"
    return "no"


def _touches(
    pointer: tuple[str, ...], path: tuple[str, ...], old: "Value | None", new: "Value | None"
) -> bool:
    """Whether a change at `path` is one of what the pointer names: in it, or of something that holds it."""
    shorter = min(len(pointer), len(path))
    if pointer[:shorter] != path[:shorter]:
        return False
    rest = pointer[shorter:]
    return not rest or _holds(old, rest) or _holds(new, rest)


def _holds(value: "Value | None", path: tuple[str, ...]) -> bool:
    match value:
        case None | str():
            return False
        case Mapping() if _function(value) is not None:
            return True  # what it gives is known to CloudFormation alone
        case Mapping():
            return path[0] in value and (len(path) == 1 or _holds(value[path[0]], path[1:]))
        case _:
            return any(_holds(one, path) for one in value)


def _differing(old: Value, new: Value, path: tuple[str, ...], plain: tuple[str, ...]) -> Iterator[_Differing]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and not (_function(old) or _function(new)):
        for key in sorted({*old, *new}):
            below = (*path, key), (*plain, key)
            if key not in old or key not in new:
                yield *below, old.get(key), new.get(key)
            else:
                yield from _differing(old[key], new[key], *below)
    elif isinstance(old, str | Mapping) or isinstance(new, str | Mapping):
        yield path, plain, old, new
    else:
        yield from _elements(old, new, path, plain)


def _elements(
    old: Sequence[Value], new: Sequence[Value], path: tuple[str, ...], plain: tuple[str, ...]
) -> Iterator[_Differing]:
    olds, news = _named(old), _named(new)
    if olds is None or news is None or _key_of(old) != _key_of(new):
        yield path, plain, old, new
        return
    common = [name for name in olds if name in news]
    if common != [name for name in news if name in olds] and not _UNORDERED.intersection(path[-1:]):
        yield path, plain, old, new
        return
    for name in sorted({*olds, *news}):
        below = (*path[:-1], f"{path[-1] if path else ''}[{name}]"), plain
        if name not in olds or name not in news:
            yield *below, olds.get(name), news.get(name)
        else:
            yield from _differing(olds[name], news[name], *below)


def _named(values: Sequence[Value]) -> "Mapping[str, Value] | None":
    """Elements by what says who they are. None: nothing does for all of them."""
    key = _key_of(values)
    if key is None:
        return None
    return {str(one[key]): one for one in values if isinstance(one, Mapping)}


def _key_of(values: Sequence[Value]) -> str | None:
    for key in _KEYS:
        names = [one.get(key) for one in values if isinstance(one, Mapping)]
        if len(names) == len(values) and all(isinstance(name, str) for name in names):
            return key if len({str(name) for name in names}) == len(names) else None
    return None


def _function(value: Mapping[str, Value]) -> str | None:
    """Name of the function of CloudFormation that this calls."""
    if len(value) != 1:
        return None
    (name,) = value
    return name if name.startswith("Fn::") or name in _REFERENCES else None


def _text(value: "Value | None", key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
