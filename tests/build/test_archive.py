import io
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from release.build import archive as archives
from release.build.archive import Archive, Member, archive, content_digest, read_zip, write_zip
from release.errors import Misconfigured


def member(
    path: str, data: bytes = b"text " * 50, *, executable: bool = False, origin: str = "here"
) -> Member:
    return Member.of(path, data, executable=executable, origin=origin)


def build(*members: Member) -> Archive:
    return archive(members, of="orders")


def test_the_zip_says_nothing_but_names_modes_and_bytes() -> None:
    made = build(member("b/run.sh", executable=True), member("a.py"), member("größe.txt", b""))
    with zipfile.ZipFile(io.BytesIO(made.data)) as opened:
        assert opened.testzip() is None
        assert opened.comment == b""
        infos = opened.infolist()
    assert [info.filename for info in infos] == ["a.py", "b/run.sh", "größe.txt"]
    assert [stat.filemode(info.external_attr >> 16) for info in infos] == [
        "-rw-r--r--",
        "-rwxr-xr-x",
        "-rw-r--r--",
    ]
    for info in infos:
        assert (info.date_time, info.create_system, info.extra, info.comment) == (
            (1980, 1, 1, 0, 0, 0),
            3,
            b"",
            b"",
        )
        assert (info.create_version, info.extract_version, info.internal_attr) == (20, 20, 0)
    assert [info.flag_bits for info in infos] == [0, 0, 0x800]


def test_the_bytes_of_a_zip_are_known() -> None:
    """A changed header is another artifact for unchanged code: whoever changes this number raises BUILDER."""
    made = build(member("a.py", b"x"), member("dir/run", b"y", executable=True))
    assert made.digest == "9a6b1527e90eeddb8830159f161298128cfafd57a698ec505ff133de96fc57c8"
    assert made.content == "d7a487f8cf686b52d74e649cca6337445520da6e33dab3d6a58e18113c5f6396"


def test_the_order_of_members_does_not_matter() -> None:
    one, two = member("Z"), member("a")
    assert build(one, two).data == build(two, one).data


def test_an_independent_unzip_reads_it(tmp_path: Path) -> None:
    (tmp_path / "made.zip").write_bytes(build(member("größe/run", b"#!/bin/sh\n", executable=True)).data)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", "made.zip", "out"], cwd=tmp_path, check=True)
    assert (tmp_path / "out/größe/run").read_bytes() == b"#!/bin/sh\n"


def test_the_content_digest_knows_paths_modes_and_bytes_but_not_deflate() -> None:
    one = member("a")
    stored = Member(one.path, one.executable, one.size, one.crc, one.sha256, False, b"text " * 50, "here")
    assert build(one).digest != build(stored).digest
    assert content_digest([one]) == content_digest([stored])
    assert (
        len(
            {content_digest([m]) for m in (one, member("b"), member("a", b"z"), member("a", executable=True))}
        )
        == 4
    )


def test_a_zip_is_read_back_as_it_was_written() -> None:
    members = (member("a.py"), member("b/c", b"\x00", executable=True), member("é"))
    assert read_zip(write_zip(members), origin="here") == members


@pytest.mark.parametrize(
    "harm", [lambda data: data[:-30], lambda data: b"", lambda data: data.replace(b"tex", b"TEX")]
)
def test_a_damaged_zip_is_noticed(harm: object) -> None:
    data = write_zip([member("a", b"text")])
    with pytest.raises(ValueError, match="damaged"):
        read_zip(harm(data), origin="here")  # type: ignore[operator]


def test_a_path_that_two_sides_want_names_both() -> None:
    with pytest.raises(Misconfigured) as refused:
        build(
            member("six.py", origin="services/orders/six.py"),
            member("six.py", origin="services/orders/requirements.txt"),
            member("Six.py", origin="services/common/Six.py"),
        )
    assert refused.value.details == (
        "Six.py (services/common/Six.py) and six.py (services/orders/six.py): equal but for case",
        "six.py: both services/orders/six.py and services/orders/requirements.txt have it",
    )


def test_a_file_where_another_side_has_a_folder_is_refused() -> None:
    with pytest.raises(Misconfigured) as refused:
        build(member("data", origin="one"), member("data/x", origin="other"))
    assert refused.value.details == ("data: a file of one, and a folder of other",)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_a_name_that_leaves_the_archive_is_refused(path: str) -> None:
    with pytest.raises(Misconfigured, match="in each other's way") as refused:
        build(member(path))
    assert "leaves its folder" in refused.value.details[0]


def test_too_much_unpacked_is_refused_with_the_largest_parts() -> None:
    huge = Member("numpy/core.so", False, archives.MAX_UNZIPPED, 0, "0" * 64, True, b"", "lock")
    with pytest.raises(Misconfigured, match=r"unpacks to 250\.0 MB") as refused:
        build(huge, member("small"))
    assert refused.value.details[0] == "numpy: 250.0 MB"


def test_a_zip_above_the_limit_is_refused() -> None:
    data = bytes(archives.MAX_ZIPPED)
    with pytest.raises(Misconfigured, match=r"the zip of orders has 50\.0 MB"):
        build(Member("noise.bin", False, len(data), 0, "0" * 64, False, data, "lock"))


def test_too_many_files_for_a_zip_are_refused() -> None:
    one = member("x")
    many = [
        Member(f"f{n}", False, 0, 0, one.sha256, False, b"", "lock") for n in range(archives.MAX_MEMBERS + 1)
    ]
    with pytest.raises(Misconfigured, match="65536 files"):
        build(*many)
