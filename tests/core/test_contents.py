from dataclasses import dataclass

import pytest

from release.core.contents import Difference, first_difference


@dataclass(frozen=True)
class One:
    path: str
    mode: int = 0o644
    sha256: str = "a"


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ([], [], None),
        ([One("a"), One("b")], [One("b"), One("a")], None),
        ([One("a")], [One("a", sha256="b")], Difference("a", "content", 0)),
        ([One("a")], [One("a", mode=0o755)], Difference("a", "mode", 0)),
        ([One("a", sha256="b")], [One("a", mode=0o755)], Difference("a", "content", 0)),
        ([One("a"), One("b")], [One("b")], Difference("a", "missing", 0)),
        ([One("b")], [One("a"), One("b")], Difference("a", "extra", 0)),
        ([One("a"), One("é")], [One("z")], Difference("a", "missing", 2)),
    ],
)
def test_the_first_difference_by_path_is_named_and_the_others_are_counted(
    before: list[One], after: list[One], difference: Difference | None
) -> None:
    assert first_difference(before, after) == difference


def test_names_that_are_not_utf8_are_compared_as_well() -> None:
    found = first_difference([One("\udcff")], [])
    assert found is not None and found.what == "missing"
