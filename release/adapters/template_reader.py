"""Reads a CloudFormation template as what it says: without comments, order of keys, and style of writing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml

from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.core.infra_values import Document, Template

_BASE: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_ATTRIBUTES = ("Fn::GetAtt",)  # may be written as "A.B" and as [A, B]


class _Loader(_BASE):  # type: ignore[misc]  # which of the two is known at run time alone
    """Every scalar is a text: to CloudFormation `256` and `"256"` are one, and so are `true` and `"true"`."""

    @staticmethod
    def attribute(named: Any) -> Any:
        is_list = isinstance(named, list) and all(isinstance(one, str) for one in named)
        return ".".join(named) if is_list else named


def read_template(text: str, of: str) -> "Template":
    """A template as mappings, lists and texts; functions in their long form: {"Ref": …}, {"Fn::Sub": …}.

    `of` says whose it is, for errors. Raises Misconfigured for what is no YAML mapping, and for aliases of
    YAML, which CloudFormation does not know and which can make a small file endless:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
    """
    template: Template = _read(text, of, _Loader)
    return template


def read_document(text: str, of: str) -> "Document":
    """The same, with numbers and truth where CloudFormation reads them: it may be sent again as JSON.

    A number that is not written as JSON writes it ("0123", "1_000") stays a text, and so does a date.
    Raises Misconfigured as `read_template` does.
    """
    document: Document = _read(text, of, _TypedLoader)
    return document


def _read(text: str, of: str, loader: Any) -> Any:
    fix = "correct the template"
    try:
        for event in _events(text):
            if isinstance(event, yaml.AliasEvent):
                raise Misconfigured(
                    f"the template of {of} has an alias of YAML, which CloudFormation does not know",
                    fix="write out what it stands for",
                )
        read = yaml.load(text, Loader=loader)  # noqa: S506 - loaders of texts, numbers and truth alone
    except (yaml.YAMLError, RecursionError) as error:
        raise Misconfigured(f"the template of {of} is no YAML: {error}", fix=fix) from error
    if not isinstance(read, dict):
        raise Misconfigured(f"the template of {of} is no mapping", fix=fix)
    return read


def _events(text: str) -> Iterator[yaml.Event]:
    found: Iterator[yaml.Event] = yaml.parse(text, Loader=_BASE)
    return found


def _long_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    value = _value(loader, node)
    return {name: loader.attribute(value) if name in _ATTRIBUTES else value}


def _value(loader: Any, node: yaml.Node) -> Any:
    match node:
        case yaml.ScalarNode():
            return loader.construct_scalar(node)  # of a function: a name, or a text with names in it
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            return _mapping(loader, node)
        case _:
            return None  # there is no other kind


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    read = {str(key.value): loader.construct_object(value, deep=True) for key, value in node.value}
    return {key: loader.attribute(value) if key in _ATTRIBUTES else value for key, value in read.items()}


def _scalar(loader: Any, node: yaml.ScalarNode) -> Any:
    text = str(loader.construct_scalar(node))
    if node.style not in (None, ""):
        return text
    word = text.lower()
    if word in _TRUE | _FALSE and text in (word, word.title(), word.upper()):
        return word in _TRUE
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    for number in (int, float):
        try:
            if str(number(text)) == text and text not in ("nan", "inf", "-inf"):
                return number(text)
        except ValueError:
            pass
    return text


class _TypedLoader(_Loader):
    """Plain scalars are what YAML 1.1 has them for."""

    @staticmethod
    def attribute(named: Any) -> Any:
        """JSON knows the list alone."""
        return named.split(".", 1) if isinstance(named, str) else named


# The words of YAML 1.1, which CloudFormation supports but for a few features: https://yaml.org/type/bool.html
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})

for _one in (_Loader, _TypedLoader):
    _one.add_multi_constructor("!", _long_form)
    _one.add_constructor("tag:yaml.org,2002:map", _mapping)
_TypedLoader.add_constructor("tag:yaml.org,2002:str", _scalar)
