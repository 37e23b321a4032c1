"""A CloudFormation template as what it says, whatever way it is written."""

import json

import pytest

from release.adapters.template_reader import read_document, read_template
from release.core.infra_values import as_template
from release.errors import Misconfigured
from tests.infra.rendered import rendered, system


def read(text: str) -> object:
    return read_template(text, "orders-dev")


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("{A: !Ref B}", "{A: {Ref: B}}"),
        ("{A: !GetAtt B.Arn}", "{A: {'Fn::GetAtt': [B, Arn]}}"),
        ("{A: !GetAtt [B, Arn]}", "{A: {'Fn::GetAtt': B.Arn}}"),
        ("{A: !Sub '${B}'}", '{"A": {"Fn::Sub": "${B}"}}'),
        ("{A: !If [X, !Ref B, {C: !Condition D}]}", "{A: {'Fn::If': [X, {Ref: B}, {C: {Condition: D}}]}}"),
        ("# why\nA: 256\nB: true\n", '{"B": "true", "A": "256"}'),
        ("A: 2012-10-17", "A: '2012-10-17'"),
        ("A: |\n  x\n  y\n", '{"A": "x\\ny\\n"}'),
        ("A: !Select [0, !GetAZs '']", '{"A": {"Fn::Select": ["0", {"Fn::GetAZs": ""}]}}'),
    ],
)
def test_two_ways_of_writing_one_thing_are_read_alike(short: str, long: str) -> None:
    assert read(short) == read(long)


def test_no_value_is_made_into_another_kind() -> None:
    assert read("{A: 0755, B: 1e3, C: no, D: ~, E: 12:30:45}") == {
        "A": "0755", "B": "1e3", "C": "no", "D": "~", "E": "12:30:45",
    }  # fmt: skip


def test_an_alias_that_would_grow_without_an_end_is_refused_before_it_is_read() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]

    with pytest.raises(Misconfigured, match="an alias of YAML"):
        read("\n".join(lines))


@pytest.mark.parametrize("text", ["a: [", "- a", "just words", "", "[" * 5000])
def test_what_is_no_mapping_is_an_error_that_says_whose_it_is(text: str) -> None:
    with pytest.raises(Misconfigured, match="the template of orders-dev"):
        read(text)


def test_a_tag_of_python_makes_a_text_and_nothing_else() -> None:
    assert read("{A: !!python/object/apply:os.system ['true']}") == {"A": ["true"]}


@pytest.mark.parametrize("name", ["order-stream", "order-monitoring"])
def test_a_template_that_is_sent_again_as_json_says_the_same(name: str) -> None:
    text = rendered(*system(name), "prod")
    document = read_document(text, name)

    assert as_template(document) == read_template(text, name)
    assert read_template(json.dumps(document), name) == read_template(text, name)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("30", 30),
        ("1.5", 1.5),
        ("'30'", "30"),
        ("true", True),
        ("No", False),
        ("yEs", "yEs"),
        ("012345678901", "012345678901"),  # the id of an account
        ("2012-10-17", "2012-10-17"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        ("inf", "inf"),
        ("~", None),
        ("!GetAtt A.Outputs.B", {"Fn::GetAtt": ["A", "Outputs.B"]}),
        ("{Fn::GetAtt: [A, B]}", {"Fn::GetAtt": ["A", "B"]}),
        ("{on: 1}", {"on": 1}),  # a name of a property is a name
    ],
)
def test_plain_words_are_numbers_and_truth_only_where_json_writes_them_so(
    written: str, value: object
) -> None:
    assert read_document(f"A: {written}", "orders-dev") == {"A": value}
