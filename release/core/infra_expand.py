"""The template that lets the old release serve on beside the new one: what is new, and what is gone yet.

Traffic moves after the stack has changed, and may move back. So a rollout takes nothing away that the release
which serves may need: resources that the new template has not any more, statements that it no longer allows,
indexes that it no longer reads. They go when that is asked for, after the release is sealed (decision 0026).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from release.core.infra_in_force import in_force
from release.core.infra_values import Document, Json, as_template
from release.core.models import Place

# Output of a stack that keeps more than its release's template says: the digest of that template. Outputs
# alone make an update that touches no resource (https://github.com/aws/aws-cdk/pull/2029).
MARK: Final = "ReleaseTemplate"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

# Properties that hold a document of IAM, by type.
_DOCUMENTS: Final[Mapping[str, Sequence[str]]] = {
    "AWS::IAM::ManagedPolicy": ("PolicyDocument",),
    "AWS::IAM::Policy": ("PolicyDocument",),
    "AWS::IAM::Role": ("AssumeRolePolicyDocument",),
    "AWS::KMS::Key": ("KeyPolicy",),
    "AWS::S3::BucketPolicy": ("PolicyDocument",),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy",),
    "AWS::SNS::TopicPolicy": ("PolicyDocument",),
    "AWS::SQS::QueuePolicy": ("PolicyDocument",),
}
# Lists of which the new release may want less than the old one: by type, property and what names an element.
_LISTS: Final[Mapping[str, Sequence[tuple[str, str | None]]]] = {
    "AWS::DynamoDB::Table": (("GlobalSecondaryIndexes", "IndexName"),),
    "AWS::EC2::SecurityGroup": (("SecurityGroupIngress", None), ("SecurityGroupEgress", None)),
    "AWS::IAM::ManagedPolicy": (("Roles", None),),
    "AWS::IAM::Policy": (("Roles", None),),
    "AWS::IAM::Role": (("ManagedPolicyArns", None),),
    "AWS::SNS::Topic": (("Subscription", "Endpoint"),),
}
# What feeds somebody, where the new release wants none at all of it. What is kept names the stream by
# `!GetAtt Table.StreamArn`, which CloudFormation refuses of a table that has none.
_FEEDS: Final[Mapping[str, str]] = {
    "AWS::DynamoDB::Table": "StreamSpecification",
    "AWS::S3::Bucket": "NotificationConfiguration",
}


@dataclass(frozen=True, slots=True)
class Expanded:
    """What is sent in the place of the new template. `kept` empty: the new template itself will do."""

    document: Document
    kept: tuple[str, ...]  # for people: "Jobs", "Role (DynamoWrite)"


def expanded(
    old: Document, new: Document, parameters: Mapping[str, str], place: Place, stack: str, digest: str
) -> Expanded:
    """`old` as the stack has it, `new` as the release wants it; `digest` is that of the new template."""
    was, wanted = (
        _mapping(in_force(as_template(one), parameters, place, stack).get("Resources")) for one in (old, new)
    )
    merged: dict[str, Any] = {key: dict(_mapping(one)) or one for key, one in new.items()}
    kept = [name for name in was if name not in wanted]
    resources: dict[str, Any] = dict(_mapping(new.get("Resources")))
    before = _mapping(old.get("Resources"))
    # Also what is not in force: a reference to it is asked for, though nobody follows it.
    carried = [name for name in before if name not in resources or name in kept]
    renamed = _carry_sections(old, merged)
    for name in carried:
        resources[name] = _renamed(before[name], renamed)
    for name in carried:
        resources[name] = _with_dependencies(_mapping(resources[name]), resources)
    for name in sorted(set(was) & set(wanted)):
        wider, what = _widened(_mapping(_renamed(before[name], renamed)), _mapping(resources[name]))
        if what:
            resources[name] = wider
            kept.append(f"{name} ({', '.join(what)})")
    exports = {
        name: _renamed(one, renamed)
        for name, one in _mapping(old.get("Outputs")).items()
        if "Export" in _mapping(one) and name not in _mapping(new.get("Outputs"))
    }
    if not kept:
        return Expanded(new, ())
    marked = {MARK: {"Description": "what the release's template is, beside what is kept", "Value": digest}}
    outputs = {**exports, **_mapping(merged.get("Outputs")), **marked}
    return Expanded({**merged, "Resources": resources, "Outputs": outputs}, tuple(sorted(kept)))


def marked(outputs: Mapping[str, str]) -> str | None:
    """Digest of the template that a stack is an expanded form of. None: it is none."""
    found = outputs.get(MARK, "")
    return found if _DIGEST.fullmatch(found) else None


def _carry_sections(old: Document, merged: dict[str, Any]) -> Mapping[str, str]:
    """Conditions, mappings and parameters that what is carried over may name. Returns new names of those
    that mean something else in the new template.
    """
    renamed: dict[str, str] = {}
    for section in ("Conditions", "Mappings", "Parameters"):
        olds, news = _mapping(old.get(section)), dict(_mapping(merged.get(section)))
        clashing = [
            name for name in olds if section != "Parameters" and name in news and news[name] != olds[name]
        ]
        for name in clashing:
            renamed[f"{section}.{name}"] = f"{name}Before"
        for name, one in olds.items():
            news.setdefault(renamed.get(f"{section}.{name}", name), one)
        if news:
            merged[section] = news
    for section in ("Conditions", "Mappings"):
        for name in [one.partition(".")[2] for one in renamed if one.startswith(f"{section}.")]:
            merged[section][f"{name}Before"] = _renamed(_mapping(old.get(section))[name], renamed)
    return renamed


def _renamed(value: Json, renamed: Mapping[str, str]) -> Json:
    """A value of the old template that names conditions and mappings as the expanded one has them."""
    if isinstance(value, str) or not isinstance(value, Sequence | Mapping) or not renamed:
        return value
    if not isinstance(value, Mapping):
        return [_renamed(one, renamed) for one in value]
    found: dict[str, Json] = {}
    for key, one in value.items():
        section = {"Condition": "Conditions", "Fn::If": "Conditions", "Fn::FindInMap": "Mappings"}.get(key)
        if section is not None and isinstance(one, str):
            found[key] = renamed.get(f"{section}.{one}", one)
        elif section is not None and isinstance(one, Sequence) and not isinstance(one, str) and one:
            first, *rest = one
            name = renamed.get(f"{section}.{first}", first) if isinstance(first, str) else first
            found[key] = [name, *(_renamed(item, renamed) for item in rest)]
        else:
            found[key] = _renamed(one, renamed)
    return found


def _with_dependencies(resource: Mapping[str, Json], resources: Mapping[str, Json]) -> Json:
    """Without the order after what does not exist."""
    named = resource.get("DependsOn")
    names = [named] if isinstance(named, str) else list(named) if isinstance(named, Sequence) else []
    left = [one for one in names if isinstance(one, str) and one in resources]
    without = {key: one for key, one in resource.items() if key != "DependsOn"}
    return without | ({"DependsOn": left} if left else {})


def _widened(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[Json, Sequence[str]]:
    """The new resource, allowing and having what the old one did besides. And what that is."""
    kind = new.get("Type")
    properties: dict[str, Any] = dict(_mapping(new.get("Properties")))
    before = _mapping(old.get("Properties"))
    if kind != old.get("Type") or not isinstance(kind, str):
        return new, ()
    what: list[str] = []
    for name in _DOCUMENTS.get(kind, ()):
        properties[name], more = _wider_document(before.get(name), properties.get(name))
        what += [f"{name}: {one}" for one in more]
    for name, key in _LISTS.get(kind, ()):
        properties[name], more = _wider_list(before.get(name), properties.get(name), key)
        what += [f"{name}: {one}" for one in more]
    if kind == "AWS::DynamoDB::Table" and what:
        properties["AttributeDefinitions"] = _attributes(before, properties, what)
    feed = _FEEDS.get(kind)
    if feed is not None and feed in before and properties.get(feed) is None:
        properties[feed] = before[feed]
        what.append(feed)
    if kind == "AWS::IAM::Role":
        properties["Policies"], more = _wider_policies(before.get("Policies"), properties.get("Policies"))
        what += more
    present = {name: one for name, one in properties.items() if one is not None}
    return {**new, "Properties": present}, what


def _attributes(old: Mapping[str, Json], new: Mapping[str, Json], what: Sequence[str]) -> Json:
    """Definitions with those that the kept indexes have keys of: DynamoDB takes no others."""
    kept = [
        index
        for index in _items(old.get("GlobalSecondaryIndexes"))
        if f"GlobalSecondaryIndexes: {_name(index, 'IndexName')}" in what
    ]
    keys = {_name(key, "AttributeName") for index in kept for key in _items(_mapping(index).get("KeySchema"))}
    news = _items(new.get("AttributeDefinitions"))
    known = {_name(one, "AttributeName") for one in news}
    olds = _items(old.get("AttributeDefinitions"))
    return [*news, *(one for one in olds if _name(one, "AttributeName") in keys - known)]


def _wider_policies(old: Json, new: Json) -> tuple[Json, Sequence[str]]:
    """Policies of a role, by name: those that are gone, and what others no longer allow."""
    if not _is_list(old) or not (_is_list(new) or new is None):
        return new, ()
    news = {_name(one, "PolicyName"): one for one in _items(new)}
    what: list[str] = []
    for was in _items(old):
        name = _name(was, "PolicyName")
        now = news.get(name)
        if now is None:
            news[name] = was
            what.append(name)
        elif isinstance(now, Mapping) and isinstance(was, Mapping):
            document, more = _wider_document(was.get("PolicyDocument"), now.get("PolicyDocument"))
            if more:
                news[name] = {**now, "PolicyDocument": document}
                what += [f"{name}: {one}" for one in more]
    return (list(news.values()) if what else new), what


def _wider_document(old: Json, new: Json) -> tuple[Json, Sequence[str]]:
    """A document of IAM that allows what either allows. What it newly denies comes with the contraction."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new, ()
    olds, news = (_statements(one.get("Statement")) for one in (old, new))
    if olds is None or news is None:
        return new, ()
    lost = [one for one in olds if one.get("Effect") != "Deny" and not _is_covered(one, news)]
    denied = [one for one in news if one.get("Effect") == "Deny" and one not in olds]
    if not lost and not denied:
        return new, ()
    stay = [one for one in news if one not in denied]
    taken = {one.get("Sid") for one in stay}
    kept = [{key: part for key, part in one.items() if key != "Sid" or part not in taken} for one in lost]
    what = [_said(one) for one in lost] + [f"without {_said(one)}" for one in denied]
    return {**new, "Statement": [*stay, *kept]}, what


def _is_covered(old: Mapping[str, Json], news: Sequence[Mapping[str, Json]]) -> bool:
    """Whether one statement allows all of what another did."""
    return any(
        {key: one for key, one in old.items() if key not in ("Sid", "Action", "Resource")}
        == {key: one for key, one in new.items() if key not in ("Sid", "Action", "Resource")}
        and all(
            all(item in _items(new.get(key)) for item in _items(old.get(key)))
            for key in ("Action", "Resource")
        )
        for new in news
    )


def _wider_list(old: Json, new: Json, key: str | None) -> tuple[Json, Sequence[str]]:
    if not _is_list(old) or not (_is_list(new) or new is None):
        return new, ()
    known = {_name(one, key) for one in _items(new)}
    lost = [one for one in _items(old) if _name(one, key) not in known]
    return ([*_items(new), *lost] if lost else new), [_name(one, key) for one in lost]


def _statements(value: Json) -> Sequence[Mapping[str, Json]] | None:
    """None: a function of CloudFormation stands in the place of one of them, or of all."""
    items = _items(value)
    found = [one for one in items if isinstance(one, Mapping) and "Effect" in one]
    return found if len(found) == len(items) else None


def _said(statement: Mapping[str, Json]) -> str:
    sid = statement.get("Sid")
    actions = [one for one in _items(statement.get("Action")) if isinstance(one, str)]
    return sid if isinstance(sid, str) else ", ".join(actions) or "a statement"


def _name(value: Json, key: str | None) -> str:
    """What tells one element of a list from another."""
    if key is not None and isinstance(value, Mapping):
        value = value.get(key)
    return value if isinstance(value, str) else str(value)


def _is_list(value: Json) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _items(value: Json) -> Sequence[Json]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return () if value is None else (value,)


def _mapping(value: "Json | None") -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
