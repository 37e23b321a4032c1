"""The grammar of release tags, and that their order is semver's."""

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from release.core.conventional import Bump
from release.core.tags import Line, Tag, Version, highest_gold, parse, read_tags

NUMBERS = st.integers(min_value=0, max_value=999_999_999)
COUNTERS = st.integers(min_value=1, max_value=999_999_999)
PRERELEASES = st.builds(Version, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["qa", "rc"]), COUNTERS)
GOLDS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS, st.just("gold"), st.none())
# Small numbers meet each other, which is where an order can be wrong.
CLOSE = st.one_of(
    st.builds(
        Version,
        *[st.integers(0, 1)] * 3,
        st.sampled_from(["qa", "rc"]),
        st.integers(1, 11),
    ),
    st.builds(Version, *[st.integers(0, 1)] * 3, st.just("gold"), st.none()),
)


@given(version=st.one_of(PRERELEASES, GOLDS), prefix=st.sampled_from(["v", "payments/v", ""]))
def test_a_version_that_is_written_is_read_back(version: Version, prefix: str) -> None:
    assert parse(f"{prefix}{version}", prefix) == version


@given(left=CLOSE, right=CLOSE)
def test_versions_are_ordered_by_semver_precedence(left: Version, right: Version) -> None:
    ours = (left < right, left <= right, left == right, left > right, left >= right)
    a, b = semver.Version.parse(str(left)), semver.Version.parse(str(right))

    assert ours == (a < b, a <= b, a == b, a > b, a >= b)


@given(text=st.from_regex(r"[0-9.v/qarc\-+]{1,16}", fullmatch=True) | st.text(max_size=16))
def test_what_is_read_as_a_version_is_valid_semver_and_has_one_spelling(text: str) -> None:
    version = parse(text, "v")

    if version is not None:
        assert text == f"v{version}"
        assert semver.Version.is_valid(str(version))


@pytest.mark.parametrize(
    "name",
    [
        "1.0.0",
        "v1.0",
        "v1.0.0.0",
        "v01.0.0",
        "v1.00.0",
        "v1.0.0-qa.0",
        "v1.0.0-qa.01",
        "v1.0.0-qa",
        "v1.0.0-qa.1.2",
        "v1.0.0-beta.1",
        "v1.0.0-QA.1",
        "v1.0.0+build",
        "v1.0.0-qa.1+build",
        "v1.0.0\n",
        "v1.0.0-qa.1\n",
        " v1.0.0",
        "V1.0.0",
        "v\u0661.0.0",
        "v1.0.0-qa.\u0662",
        "v1.0.0-qa.\uff11",
        "v1_0.0.0",
        "v-1.0.0",
        "v1.0.0-rc.1000000000",
        "v1000000000.0.0",
        "v1.0.0-gold.1",
        "payments/v1.0.0",
        "vv1.0.0",
        "v",
        "",
    ],
)
def test_what_only_looks_like_a_release_tag_is_foreign(name: str) -> None:
    assert parse(name, "v") is None


def test_pipelines_do_not_see_each_others_tags() -> None:
    refs = [("v1.0.0", "o1", "c1"), ("payments/v2.0.0-qa.1", "o2", "c2"), ("latest", "c3", "c3")]

    assert read_tags(refs, "v") == [Tag("v1.0.0", Version(1, 0, 0, "gold", None), "o1", "c1")]
    assert [tag.name for tag in read_tags(refs, "payments/v")] == ["payments/v2.0.0-qa.1"]


@given(line=st.builds(Line, NUMBERS, NUMBERS, NUMBERS), bump=st.sampled_from(Bump))
def test_a_bump_is_what_semver_bumps_gold_to(line: Line, bump: Bump) -> None:
    assert str(line.bumped(bump)) == str(semver.Version.parse(str(line)).next_version(str(bump)))


def test_the_highest_gold_is_the_highest_of_those_in_reach_and_no_pre_release() -> None:
    names = ["v1.2.0", "v1.10.0", "v2.0.0-rc.9", "v3.0.0"]
    tags = read_tags([(name, name, name) for name in names], "v")

    found = highest_gold(tags, frozenset(names) - {"v3.0.0"})

    assert found is not None
    assert found.name == "v1.10.0"
    assert highest_gold(tags, frozenset()) is None
