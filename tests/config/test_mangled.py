"""Whatever a person, a merge or an attacker makes of the files: they load, or an error says where."""

import re
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.config import ConfigurationErrors, load_pipelines, load_services, pipeline_services
from tests.config.mangling import TEXTS, mangled_bytes, mangled_document
from tests.config.texts import STAGES

EXAMPLES = [120, pytest.param(500, marks=pytest.mark.prove)]
PLACE = re.compile(r"(pipelines|services)/\S+:[1-9][0-9]*: .+: .+; .+")


def loads_or_says_where(texts: Mapping[str, bytes]) -> None:
    for load in (_load_pipelines, lambda texts: load_services(texts, STAGES)):
        _loads_or_says_where(load, texts)


def _load_pipelines(texts: Mapping[str, bytes]) -> object:
    return pipeline_services(load_pipelines(texts), ["price-fetcher"])


def _loads_or_says_where(load: Callable[[Mapping[str, bytes]], object], texts: Mapping[str, bytes]) -> None:
    try:
        load(texts)
    except ConfigurationErrors as error:
        assert error.details
        for line in error.details:
            assert PLACE.fullmatch(line), line
            assert line.isprintable(), line


def tried(check: Callable[[st.DataObject], None], examples: int) -> None:
    settings(max_examples=examples, deadline=None)(given(data=st.data())(check))()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_mangled_bytes_load_or_are_complained_about_with_a_line(examples: int) -> None:
    tried(of_mangled_bytes, examples)


def of_mangled_bytes(data: st.DataObject) -> None:
    file, content = mangled_bytes(data)
    loads_or_says_where({**TEXTS, file: content})


@pytest.mark.parametrize("examples", EXAMPLES)
def test_mangled_documents_load_or_are_complained_about_with_a_line(examples: int) -> None:
    tried(of_mangled_documents, examples)


def of_mangled_documents(data: st.DataObject) -> None:
    file, content = mangled_document(data)
    loads_or_says_where({**TEXTS, file: content})
