"""Reads a CloudFormation template as what it says: without comments, order of keys, and style of writing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml

from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.core.infra_values import Template

_BASE: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_FLAT = ("Fn::GetAtt",)  # may be written as "A.B" and as [A, B]


class _Loader(_BASE):  # type: ignore[misc]  # which of the two is known at run time alone
    """Every scalar is a text: to CloudFormation `256` and `"256"` are one, and so are `true` and `"true"`."""


def read_template(text: str, of: str) -> "Template":
    """A template as mappings, lists and texts; functions in their long form: {"Ref": …}, {"Fn::Sub": …}.

    `of` says whose it is, for errors. Raises Misconfigured for what is no YAML mapping, and for aliases of
    YAML, which CloudFormation does not know and which can make a small file endless:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
    """
    fix = "correct the template"
    try:
        for event in _events(text):
            if isinstance(event, yaml.AliasEvent):
                raise Misconfigured(
                    f"the template of {of} has an alias of YAML, which CloudFormation does not know",
                    fix="write out what it stands for",
                )
        read = yaml.load(text, Loader=_Loader)  # noqa: S506 - a loader that makes texts and nothing else
    except (yaml.YAMLError, RecursionError) as error:
        raise Misconfigured(f"the template of {of} is no YAML: {error}", fix=fix) from error
    if not isinstance(read, dict):
        raise Misconfigured(f"the template of {of} is no mapping", fix=fix)
    template: Template = read
    return template


def _events(text: str) -> Iterator[yaml.Event]:
    found: Iterator[yaml.Event] = yaml.parse(text, Loader=_BASE)
    return found


def _long_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    return {name: _flat(name, _value(loader, node))}


def _value(loader: Any, node: yaml.Node) -> Any:
    match node:
        case yaml.ScalarNode():
            return loader.construct_scalar(node)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case _:
            return loader.construct_mapping(node, deep=True)


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    read: dict[str, Any] = loader.construct_mapping(node, deep=True)
    return {key: _flat(key, value) for key, value in read.items()}


def _flat(name: str, value: Any) -> Any:
    if name in _FLAT and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ".".join(value)
    return value


_Loader.add_multi_constructor("!", _long_form)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
