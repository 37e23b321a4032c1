"""What a person, a merge or an attacker may make of files and trees, as hypothesis draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml
from hypothesis import strategies as st

from tests.config.texts import ENVIRONMENTS, FLEET, PIPELINES, SERVICE, SERVICES

TEXTS: Mapping[str, bytes] = {**PIPELINES, **SERVICES}
FILES = (ENVIRONMENTS, FLEET, SERVICE)

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


def mangled_bytes(data: st.DataObject) -> tuple[str, bytes]:
    """One file with bytes put in, taken out or replaced in up to three places."""
    file = data.draw(st.sampled_from(FILES))
    content = TEXTS[file]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 12)))
        content = content[:start] + data.draw(st.one_of(NASTY, st.binary(max_size=8))) + content[end:]
    return file, content


def mangled_document(data: st.DataObject) -> tuple[str, bytes]:
    """One file that is YAML still, with a key or a value replaced somewhere."""
    file = data.draw(st.sampled_from(FILES))
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
    return file, yaml.safe_dump(tree, sort_keys=False).encode()


@dataclass(frozen=True)
class Put:
    """One entry of a git tree. `content` of a submodule is the id of its commit."""

    path: bytes
    mode: str
    content: bytes


NAMES = st.sampled_from(
    [
        b"price-fetcher",
        b"Price-Fetcher",
        b"two\nlines",
        b"not-utf-8-\xff\xfe",
        b"caf\xc3\xa9",
        b"cafe\xcc\x81",
        b"-rf",
        b"a b",
        b"a:1: fix",
        b"\x1b[31mred",
        b"*",
        b'"',
        b"x" * 200,
        b"common",
        b"default",
        b"con",
    ]
)
TARGETS = st.sampled_from([b"../../../etc/passwd", b"/dev/zero", b"service.yaml", b".", b"../common", b"\n"])
CONTENTS = st.one_of(
    st.sampled_from(
        [TEXTS[FLEET], TEXTS[ENVIRONMENTS], TEXTS[SERVICE], b"", bytes(range(256)), b"\0" * 300_000]
    ),
    st.binary(max_size=40),
)
FOLDERS = st.one_of(
    st.just(b"pipelines"), st.just(b"services"), st.builds(lambda name: b"services/" + name, NAMES)
)
LAST = st.one_of(
    NAMES,
    st.sampled_from([b"service.yaml", b"service.yml", b"Service.yaml", b"fleet.yaml", b"environments.yaml"]),
    st.builds(lambda name, ending: name + ending, NAMES, st.sampled_from([b".yaml", b".yml", b".YAML"])),
)
PATHS = st.one_of(
    st.sampled_from(
        [*(file.encode() for file in FILES), b"pipelines", b"services", b"services/price-fetcher"]
    ),
    st.builds(lambda folder, last: folder + b"/" + last, FOLDERS, LAST),
    st.builds(lambda folder, last: folder + b"/" + last + b"/inside", FOLDERS, LAST),
)
PUTS = st.one_of(
    st.builds(Put, PATHS, st.sampled_from(["100644", "100755"]), CONTENTS),
    st.builds(Put, PATHS, st.just("120000"), TARGETS),
    st.builds(Put, PATHS, st.just("160000"), st.just(b"1" * 40)),
)
SEVERAL_PUTS = st.lists(PUTS, min_size=1, max_size=3)


def stream(branch: str, puts: Sequence[Put]) -> bytes:
    """A commit of the examples and these entries, as git-fast-import(1) reads it."""
    whole = [*(Put(file.encode(), "100644", content) for file, content in TEXTS.items()), *puts]
    parts = [f"reset refs/heads/{branch}\ncommit refs/heads/{branch}\n".encode()]
    parts.append(b"committer x <> 1767225600 +0000\ndata 1\nx\ndeleteall\n")
    for put in whole:
        if put.mode == "160000":
            parts.append(b"M 160000 %s %s\n" % (put.content, _quoted(put.path)))
        else:
            parts.append(b"M %s inline %s\n" % (put.mode.encode(), _quoted(put.path)))
            parts.append(b"data %d\n%s\n" % (len(put.content), put.content))
    return b"".join(parts)


def _quoted(path: bytes) -> bytes:
    """A path in the C-style quotes of fast-import, in which every byte may be octal."""
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'
