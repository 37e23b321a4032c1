"""What may be wrong with a file before it means anything: complaints with a line, never a traceback."""

import pytest
import yaml

from release.config import load_pipelines
from release.config.problems import ConfigurationErrors, Problems
from release.config.yaml_source import MAX_BYTES, MAX_DEPTH, Listing, Scalar, Table, parse
from tests.config.texts import (
    ENVIRONMENTS,
    FLEET,
    PIPELINES,
    SERVICE,
    SERVICES,
    pipeline_complaints,
    pipelines_with,
    service_complaints,
    service_with,
)


def complaint(content: bytes) -> str:
    """The one complaint about a service's file."""
    (only,) = service_complaints({SERVICE: content})
    return only.removeprefix("services/price-fetcher/service.yaml:")


def node_of(content: str) -> Scalar | Listing | Table:
    problems = Problems()
    node = parse("x.yaml", content.encode(), problems)
    assert node is not None
    assert not len(problems)
    return node


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n", b"---\n", b"null", b"\xef\xbb\xbf"])
def test_an_empty_file_is_said_to_be_empty(content: bytes) -> None:
    assert complaint(content) == "1: /: the file is empty; write it, or delete the file"


def test_text_that_is_not_utf_8_is_refused_in_its_line() -> None:
    assert complaint(b"team: a\nowner: caf\xe9\n") == "2: /: the file is not UTF-8; save it as UTF-8"
    assert complaint("team: a\n".encode("utf-16")) == "1: /: the file is not UTF-8; save it as UTF-8"


def test_a_byte_order_mark_does_no_harm() -> None:
    texts = {**PIPELINES, FLEET: b"\xef\xbb\xbf" + PIPELINES[FLEET]}
    assert set(load_pipelines(texts).pipelines) == {"fleet"}


def test_windows_line_ends_do_no_harm() -> None:
    texts = {file: content.replace(b"\n", b"\r\n") for file, content in PIPELINES.items()}
    assert load_pipelines(texts) == load_pipelines(PIPELINES)


def test_a_tab_gets_the_advice_to_use_spaces() -> None:
    found = complaint(b"team: a\nsmoke:\n\ttimeout: 10s\n")
    assert found.startswith("3: /: not YAML: ")
    assert found.endswith("; indent with spaces: YAML refuses tabs")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"team: [a\nowner: b\n", 2),
        (b"team: 'a\n", 2),
        (b"team: a\n  owner: b\n", 2),
        (b"{", 2),
        (b"team: @a", 1),
        (b"%YAML 9.9\n---\nteam: a", 1),
    ],
)
def test_broken_syntax_is_said_with_its_line(content: bytes, line: int) -> None:
    found = complaint(content)
    assert found.startswith(f"{line}: /: not YAML: ")
    assert found.endswith("; mend the syntax here or in the line before")


def test_a_control_character_is_said_with_its_line() -> None:
    assert complaint(b"team: a\nowner: \x07b\n").startswith("2: /: not YAML: a control character")


def test_a_second_document_is_refused() -> None:
    assert complaint(b"team: a\n---\nteam: b\n") == (
        "2: /: a second document starts here; keep one document in a file; remove `---`"
    )


def test_a_key_that_is_said_twice_is_refused_with_both_lines() -> None:
    (found,) = service_complaints(service_with("owner: ", "team: other\nowner: "))
    assert found == f"{SERVICE}:3: team: said twice, first in line 2; keep one of the two"


def test_a_key_that_is_said_twice_deep_down_is_refused() -> None:
    (found,) = service_complaints(service_with("LOG_LEVEL: INFO", "LOG_LEVEL: INFO, LOG_LEVEL: DEBUG"))
    assert found.startswith(f"{SERVICE}:11: settings/default/environment/LOG_LEVEL: said twice")


def test_anchors_and_aliases_are_refused() -> None:
    (found,) = service_complaints(service_with("team: backend", "team: &team backend"))
    assert found == (
        f"{SERVICE}:2: team: the anchor '&team' is not allowed;"
        " write the value out, or quote it if it is a text"
    )
    (found,) = pipeline_complaints(pipelines_with(FLEET, '["*"]', "[*]"))
    assert found.startswith(f"{FLEET}:2: ")  # an unquoted star is half an alias


def test_an_alias_bomb_costs_nothing() -> None:
    bomb = b"a0: &a0 [x, x]\n" + b"".join(
        b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 90)
    )
    assert complaint(bomb).startswith("1: a0: the anchor '&a0' is not allowed")


def test_tags_are_refused() -> None:
    assert complaint(b"team: !!python/object/apply:os.system [id]").startswith(
        "1: team: the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed"
    )
    assert complaint(b"!x {}").startswith("1: /: the tag '!x' is not allowed")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "{? ", "[{a: "])
def test_nesting_without_end_is_refused_and_does_not_kill_the_process(opening: str) -> None:
    content = (opening * 50_000).encode()[: MAX_BYTES - 1]
    assert f"nested deeper than {MAX_DEPTH} levels" in complaint(content)


def test_a_file_of_megabytes_is_not_read() -> None:
    assert complaint(b"a" * (MAX_BYTES + 1)).startswith(
        "1: /: the file has 262,145 bytes; 262,144 is the most"
    )


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("1", "the key '1' reads as integer, not as text"),
        ("true", "the key 'true' reads as boolean, not as text"),
        ("~", "the key '~' reads as null, not as text"),
        (".nan", "the key '.nan' reads as float, not as text"),
        ("[a, b]", "a key is a list or a mapping"),
        ("{a: b}", "a key is a list or a mapping"),
    ],
)
def test_a_key_must_be_a_text(key: str, what: str) -> None:
    (found,) = service_complaints(service_with("team: backend", f"team: backend\n? {key}\n: x"))
    assert found.startswith(f"{SERVICE}:3: /: {what}; ")


@pytest.mark.parametrize("content", [b"[a]", b"a", b"1", b"true", b"''"])
def test_a_file_that_is_no_mapping_is_refused(content: bytes) -> None:
    assert complaint(content).startswith("1: /: must be a mapping, and is ")


def test_an_unknown_key_cannot_write_to_the_terminal() -> None:
    (found,) = service_complaints(service_with("team: backend", 'team: backend\n"\\e[31mx\\n": 1'))
    assert "\x1b" not in found
    assert "\n" not in found


def test_a_files_name_cannot_write_to_the_terminal() -> None:
    (found,) = service_complaints({"services/a\x1b[31m\n/service.yaml": SERVICES[SERVICE]})
    assert found.isprintable()


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "n", "NO", "22:30", "2026-01-01", "0x", "1_000", "1.2.3"]
)
def test_words_that_older_yaml_turns_into_something_else_stay_texts(word: str) -> None:
    assert node_of(word) == Scalar(1, word, "text")
    scalar = node_of(word)
    assert isinstance(scalar, Scalar)
    assert scalar.kind == "text"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        *(("0123", "integer"), ("-1", "integer"), ("0o17", "integer"), ("0x1F", "integer")),
        *(("1.5", "float"), ("1e3", "float"), (".inf", "float"), (".NaN", "float"), ("-.5", "float")),
        *(("true", "boolean"), ("False", "boolean"), ("'1'", "text")),
    ],
)
def test_plain_words_mean_what_the_core_schema_of_yaml_1_2_says(word: str, kind: str) -> None:
    scalar = node_of(word)
    assert isinstance(scalar, Scalar)
    assert scalar.kind == kind


@pytest.mark.parametrize(
    "content", [*PIPELINES.values(), *SERVICES.values(), b"'1': \"2\"\nb: 3", b"a: |\n  1\n"]
)
def test_the_parsers_with_and_without_libyaml_read_the_same(content: bytes) -> None:
    assert yaml.__with_libyaml__, "install a PyYAML with libyaml, or this compares a parser with itself"
    problems = Problems()
    with_libyaml = parse("x.yaml", content, problems)
    assert with_libyaml is not None
    assert parse("x.yaml", content, problems, yaml.SafeLoader) == with_libyaml


@pytest.mark.parametrize(
    "content", [b"", b"a: \x07", b"a: &x 1", b"!x 1", b"- " * 50, b"a:\n\tb: c", b"a: 1\n---\nb: 2"]
)
def test_the_parser_without_libyaml_complains_in_the_same_line(content: bytes) -> None:
    places = []
    for parser in (yaml.CSafeLoader, yaml.SafeLoader):
        problems = Problems()
        assert parse("x.yaml", content, problems, parser) is None
        with pytest.raises(ConfigurationErrors) as caught:
            problems.raise_any()
        places.append([problem.source for problem in caught.value.problems])
    assert places[0] == places[1]


def test_problems_of_one_file_do_not_hide_those_of_another() -> None:
    found = pipeline_complaints({ENVIRONMENTS: b"", FLEET: b"["})
    assert [each.split(":")[0] for each in found] == [ENVIRONMENTS, FLEET]


def test_a_broken_file_of_environments_makes_no_environment_unknown() -> None:
    with pytest.raises(ConfigurationErrors) as caught:
        load_pipelines({**PIPELINES, ENVIRONMENTS: b"{"})
    assert {problem.source.file for problem in caught.value.problems} == {ENVIRONMENTS}
