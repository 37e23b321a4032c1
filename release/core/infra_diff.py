"""Two CloudFormation templates of one stack, resource by resource. Pure: they come read, all scalars as text.

What is not told: that a value which another resource returns (`!GetAtt`) changes along with a replacement of
that resource. CloudFormation finds that out when it updates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from release.core.infra_values import Template, Value, differing, function_of

Action = Literal["add", "modify", "replace", "remove"]
Replacement = Literal["no", "perhaps", "yes"]

RESOURCES: Final = "Resources"
SYMBOLS: Final[Mapping[Action, Literal["+", "~", "±", "-"]]] = {
    "add": "+",
    "modify": "~",
    "replace": "±",
    "remove": "-",
}
_KEEPING: Final = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})

# Types of which something is lost with the resource that no template brings back.
HOLDS_DATA: Final = frozenset(
    {
        "AWS::AmazonMQ::Broker",
        "AWS::Backup::BackupVault",
        "AWS::Cassandra::Table",
        "AWS::CodeCommit::Repository",
        "AWS::Cognito::UserPool",
        "AWS::DocDB::DBCluster",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::Instance",
        "AWS::EC2::Volume",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElastiCache::ServerlessCache",
        "AWS::Elasticsearch::Domain",
        "AWS::Events::Archive",
        "AWS::FSx::FileSystem",
        "AWS::KMS::Key",
        "AWS::KMS::ReplicaKey",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::MSK::Cluster",
        "AWS::MemoryDB::Cluster",
        "AWS::Neptune::DBCluster",
        "AWS::NeptuneGraph::Graph",
        "AWS::OpenSearchServerless::Collection",
        "AWS::OpenSearchService::Domain",
        "AWS::QLDB::Ledger",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::RDS::GlobalCluster",
        "AWS::Redshift::Cluster",
        "AWS::S3::Bucket",
        "AWS::S3Express::DirectoryBucket",
        "AWS::S3Tables::Table",
        "AWS::S3Tables::TableBucket",
        "AWS::SDB::Domain",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::SecretsManager::Secret",
        "AWS::Timestream::InfluxDBInstance",
        "AWS::Timestream::Table",
    }
)
# What a template says nothing about: what stands in a stack of a stack, and what a program of somebody does
_UNSEEN: Final = ("AWS::CloudFormation::Stack", "AWS::CloudFormation::CustomResource", "Custom::")


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


def may_hold_data(kind: str) -> bool:
    """Whether data may go with a resource of this type. Of nested stacks nobody knows: they may."""
    return kind in HOLDS_DATA or kind.startswith(_UNSEEN)


def _plain(section: str, name: str, old: "Value | None", new: "Value | None") -> Entry | None:
    if old is None or new is None:
        return Entry(section, name, "", "add" if old is None else "remove", (Change("", old, new),))
    changes = tuple(Change(".".join(path) or "", one, other) for path, _, one, other in differing(old, new))
    return Entry(section, name, "", "modify", changes) if changes else None


def _resource(
    name: str, old: "Value | None", new: "Value | None", create_only: Mapping[str, CreateOnly]
) -> Entry | None:
    kind = _text(new, "Type") or _text(old, "Type")
    holds = may_hold_data(kind) or may_hold_data(_text(old, "Type"))
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
        for path, plain, one, other in differing(old, new)
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
        case Mapping() if function_of(value) is not None:
            return True  # what it gives is known to CloudFormation alone
        case Mapping():
            return path[0] in value and (len(path) == 1 or _holds(value[path[0]], path[1:]))
        case _:
            return any(_holds(one, path) for one in value)


def _text(value: "Value | None", key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
