"""Deflated members kept as one file."""

import pytest

from release.build.archive import Member
from release.build.pack import read_pack, write_pack

MEMBERS = (
    Member.of("a.py", b"text " * 50, executable=False, origin="lock"),
    Member.of("größe/run", b"\x00", executable=True, origin="lock"),
    Member.of("empty", b"", executable=False, origin="lock"),
)


def test_members_come_back_as_they_were() -> None:
    assert read_pack(write_pack(MEMBERS), origin="lock") == MEMBERS
    assert read_pack(write_pack(()), origin="lock") == ()


def test_unpacking_gives_the_bytes_that_were_packed() -> None:
    one, two, three = read_pack(write_pack(MEMBERS), origin="lock")
    assert [one.content(), two.content(), three.content()] == [b"text " * 50, b"\x00", b""]
    assert [one.head(7), two.head(7), three.head(7)] == [b"text te", b"\x00", b""]


def test_whatever_is_no_whole_pack_is_refused() -> None:
    whole = write_pack(MEMBERS)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            read_pack(whole[:length], origin="lock")
    for odd in (
        whole + b"x",
        b"PK\x05\x06",
        whole.replace(b"[[", b"[1", 1),
        whole.replace(b"a.py", b"\xff.py"),
    ):
        with pytest.raises(ValueError, match=r"."):
            read_pack(odd, origin="lock")
