"""Whatever a person, a merge or an attacker makes of the files: they load, or an error says where."""

import re
from collections.abc import Callable, Mapping

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from release.config import ConfigurationErrors, load_pipelines, load_services, pipeline_services
from tests.config.texts import ENVIRONMENTS, FLEET, PIPELINES, SERVICE, SERVICES, STAGES

PLACE = re.compile(r"(pipelines|services)/\S+:[1-9][0-9]*: .+: .+; .+")
BUILD = b"build: {include: ['data/**'], command: [make, all], output: dist, timeout: 9m, external: [x]}\n"
TEXTS = {**PIPELINES, SERVICE: SERVICES[SERVICE] + BUILD}

NASTY = st.sampled_from(
    [
        *(b"", b"\t", b"\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"\r"),
        *(b": ", b"- ", b"? ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!int ", b"!", b"%", b"@", b"`"),
        *(
            b"|",
            b">",
            b'"',
            b"'",
            b"#",
            b"\n---\n",
            b"\n...\n",
            b"<<: ",
            b"~",
            b"null",
            b"true",
            b"on",
            b"{stage}",
        ),
        *(b".nan", b"-.inf", b"1e999", b"0o777", b"0123", b"12:30", b"2026-01-01", b"9" * 5000, b"[" * 2000),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.binary(max_size=5),
    st.sampled_from(
        ["default", "prod", "qa", "gold", "push", "all-at-once", "{version}", "24h", "1%", "x" * 5000]
    ),
)
KEYS = st.one_of(
    LEAVES, st.sampled_from(["name", "after", "channel", "canary", "linear", "us-east-1", "memory"])
)
TREES = st.recursive(
    LEAVES,
    lambda child: st.one_of(st.lists(child, max_size=3), st.dictionaries(KEYS, child, max_size=3)),
    max_leaves=6,
)


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


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_mangled_bytes_load_or_are_complained_about_with_a_line(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from([ENVIRONMENTS, FLEET, SERVICE]))
    content = TEXTS[file]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 12)))
        content = content[:start] + data.draw(st.one_of(NASTY, st.binary(max_size=8))) + content[end:]
    loads_or_says_where({**TEXTS, file: content})


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_mangled_trees_load_or_are_complained_about_with_a_line(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from([ENVIRONMENTS, FLEET, SERVICE]))
    tree = yaml.safe_load(TEXTS[file])
    node = tree
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        place = data.draw(st.sampled_from(places))
        if isinstance(node[place], dict | list) and node[place] and data.draw(st.booleans()):
            node = node[place]
            continue
        break
    if isinstance(node, dict) and data.draw(st.booleans()):
        node[data.draw(KEYS)] = node.pop(place)
    else:
        node[place] = data.draw(TREES)
    loads_or_says_where({**TEXTS, file: yaml.safe_dump(tree, sort_keys=False).encode()})
