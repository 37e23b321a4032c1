"""Equal facts have equal bytes, whoever writes them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core import canonical

scalars = st.none() | st.booleans() | st.integers() | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_a_value_is_read_back_from_one_line(value: Any) -> None:
    data = canonical.dumps(value)
    assert json.loads(data) == value
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1


@given(st.dictionaries(st.text(), scalars, max_size=6), st.randoms())
def test_the_order_of_keys_makes_no_difference(value: dict[str, Any], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert canonical.dumps({key: value[key] for key in keys}) == canonical.dumps(value)


def test_the_form_is_pinned() -> None:
    assert canonical.dumps({"b": [1, None, True], "a": "ü\n"}) == '{"a":"ü\\n","b":[1,null,true]}\n'.encode()
    assert canonical.digest({}) == canonical.sha256(b"{}\n")
    assert canonical.sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_tuples_are_lists() -> None:
    assert canonical.dumps({"a": (1, (2,))}) == canonical.dumps({"a": [1, [2]]})


@pytest.mark.parametrize("value", [0.5, 1.0, float("nan"), [1, {"a": 0.5}], (0.5,)])
def test_a_float_is_refused_wherever_it_hides(value: Any) -> None:
    with pytest.raises(TypeError, match="has no canonical form"):
        canonical.dumps(value)


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {None: 1}}, [{True: 1}]])
def test_a_key_that_is_no_string_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="is not a string"):
        canonical.dumps(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical.dumps(value)
