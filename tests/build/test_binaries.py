"""Native code that the runtime cannot load is found when wheels are installed."""

import struct
from pathlib import Path

import pytest

from release.build.archive import Member
from release.build.binaries import Wheel, installed_wheels, refuse_unfit
from release.build.dependencies import dependencies
from release.build.elf import Elf, read_elf
from release.build.installer import Installation, uv_install
from release.build.requirements import read_lock
from release.build.target import LAMBDA, Target
from release.errors import Misconfigured
from tests.build.fleet import Wheels

FILE = "services/orders/requirements.txt"
X86, ARM = 62, 183


def library(machine: int = ARM, glibc: str | None = None) -> bytes:
    """An ELF file for a machine that asks for a version of glibc."""
    names = b"\0libc.so.6\0GLIBC_2.2.5\0" + (f"GLIBC_{glibc}".encode() if glibc else b"") + b"\0"
    versions = ["GLIBC_2.2.5", *([f"GLIBC_{glibc}"] if glibc else [])]
    need = struct.pack("<HHLLL", 1, len(versions), 1, 16, 0)
    for number, version in enumerate(versions):
        last = number == len(versions) - 1
        need += struct.pack("<LHHLL", 0, 0, 0, names.index(version.encode()), 0 if last else 16)
    header = 64
    sections = header + len(names) + len(need)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    made = ident + struct.pack("<HHLQQQLHHHHHH", 3, machine, 1, 0, 0, sections, 0, 64, 0, 0, 64, 3, 0)
    made += names + need + bytes(64)
    made += struct.pack("<LLQQQQLLQQ", 0, 3, 0, 0, header, len(names), 0, 0, 1, 0)
    made += struct.pack("<LLQQQQLLQQ", 0, 0x6FFFFFFE, 0, 0, header + len(names), len(need), 1, 1, 8, 0)
    return made


def asked(runtime: str = "python3.13", *, target: Target = LAMBDA, line: str = "") -> Installation:
    lock = f"# locked\n{line}\n".encode() if line else b""
    return Installation(lock, FILE, read_lock(lock, file=FILE, fix=""), runtime, "arm64", target)


def complaints(
    files: dict[str, bytes], *tags: str, runtime: str = "python3.13", target: Target = LAMBDA
) -> tuple[str, ...]:
    members = [Member.of(path, data, executable=False, origin=FILE) for path, data in files.items()]
    wheel = Wheel("some_thing", "1.0", tags, frozenset(files))
    try:
        refuse_unfit(members, [wheel], asked(runtime, target=target))
    except Misconfigured as error:
        assert error.see == FILE
        return tuple(line.removeprefix(f"{FILE}: some_thing 1.0: ") for line in error.details)
    return ()


def test_a_library_says_its_machine_and_the_newest_glibc_that_it_needs() -> None:
    assert read_elf(library(ARM, "2.28")) == Elf("aarch64", (2, 28))
    assert read_elf(library(X86)) == Elf("x86_64", (2, 2))
    assert read_elf(b"#!/bin/sh\n") is None


def test_a_damaged_library_is_what_can_be_read_of_it() -> None:
    whole = library(ARM, "2.28")
    for length in range(4, len(whole)):
        assert read_elf(whole[:length]) is not None
    assert read_elf(whole[:-100]) == Elf("aarch64", None)
    assert read_elf(b"\x7fELF\x01\x01" + bytes(60)) == Elf("a 32-bit or big-endian machine", None)


@pytest.mark.parametrize(
    ("tag", "runtime"),
    [
        ("cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64", "python3.13"),
        ("cp313-cp313-manylinux_2_34_aarch64", "python3.13"),
        ("cp313-cp313-linux_aarch64", "python3.13"),
        ("cp39-abi3-manylinux_2_28_aarch64", "python3.12"),
        ("py3-none-manylinux2014_aarch64", "python3.11"),
        ("py2.py3-none-manylinux1_aarch64", "python3.11"),
        ("cp311-none-manylinux_2_26_aarch64", "python3.11"),
    ],
)
def test_a_wheel_for_the_runtime_passes(tag: str, runtime: str) -> None:
    assert complaints({"thing/core.abi3.so": library()}, tag, runtime=runtime) == ()


@pytest.mark.parametrize(
    ("tag", "runtime"),
    [
        ("cp312-cp312-manylinux_2_17_aarch64", "python3.13"),
        ("cp313-cp313t-manylinux_2_17_aarch64", "python3.13"),
        ("cp314-abi3-manylinux_2_17_aarch64", "python3.13"),
        ("cp313-cp313-manylinux_2_17_x86_64", "python3.13"),
        ("cp313-cp313-manylinux_2_35_aarch64", "python3.13"),
        ("cp311-cp311-manylinux_2_28_aarch64", "python3.11"),
        ("cp313-cp313-musllinux_1_2_aarch64", "python3.13"),
        ("cp313-cp313-macosx_11_0_arm64", "python3.13"),
        ("pp310-pypy310_pp73-manylinux_2_17_aarch64", "python3.13"),
    ],
)
def test_a_wheel_for_another_python_machine_or_glibc_is_named(tag: str, runtime: str) -> None:
    assert complaints({"thing/core.abi3.so": library()}, tag, runtime=runtime) == (f"its wheel is for {tag}",)


@pytest.mark.parametrize(
    ("file", "data", "what"),
    [
        ("thing/core.so", library(X86), "thing/core.so is for x86_64, not for aarch64"),
        ("thing.libs/libssl.so.3", library(X86), "thing.libs/libssl.so.3 is for x86_64, not for aarch64"),
        ("thing/tool", library(X86), "thing/tool is for x86_64, not for aarch64"),
        ("thing/core.so", library(ARM, "2.38"), "thing/core.so needs glibc 2.38, and the runtime has 2.34"),
        ("thing/core.so", b"\xcf\xfa\xed\xfe" + bytes(60), "thing/core.so is no library for Linux"),
        ("thing/core.pyd", b"MZ" + bytes(60), "thing/core.pyd is no library for Linux"),
        (
            "thing/core.cpython-312-aarch64-linux-gnu.so",
            library(),
            "thing/core.cpython-312-aarch64-linux-gnu.so is for another Python",
        ),
    ],
)
def test_what_a_wheel_holds_counts_whatever_its_name_promises(file: str, data: bytes, what: str) -> None:
    assert complaints({file: data}, "cp313-cp313-manylinux_2_34_aarch64") == (what,)


def test_an_extension_for_several_pythons_passes_when_ours_is_among_them() -> None:
    names = [f"thing/core.cpython-{abi}-aarch64-linux-gnu.so" for abi in ("312", "313")]
    assert complaints(dict.fromkeys(names, library()), "cp313-cp313-linux_aarch64") == ()


def test_a_pure_wheel_passes_whatever_lies_in_it() -> None:
    files = {"thing/__init__.py": b"", "thing/cli-64.exe": b"MZ" + bytes(60)}
    assert complaints(files, "py3-none-any") == ()
    assert complaints(files, "cp39-cp39-linux_x86_64") == (), "nothing in it is native"
    both = {"thing/x.so": library(X86), "thing/a.so": library(ARM)}
    assert complaints(both, "py3-none-any") == (), "it chooses one when it runs"
    assert complaints({"thing/x.so": library(X86)}, "py3-none-any") == (
        "thing/x.so is for x86_64, not for aarch64",
    )


def test_the_sandbox_takes_what_this_machine_has() -> None:
    files = {"thing/core.so": library(X86, "2.99")}
    assert complaints(files, "cp38-cp38-linux_x86_64", target=Target("host:3.13-linux-x86_64")) == ()


def test_what_uv_installed_is_checked_and_named_with_its_line_in_the_lock(wheels: Wheels) -> None:
    tag = "cp313-cp313-manylinux_2_17_aarch64"
    line = wheels.add("wrong_thing", tag=tag, files={"wrong_thing.so": "\x7fELF\x02\x01" + "\0" * 70})
    with pytest.raises(Misconfigured) as raised:
        dependencies(asked(line=line), install=uv_install, cache=None)
    assert raised.value.cause == f"python3.13 on arm64 cannot load what {FILE} installs"
    assert raised.value.see == f"{FILE}:2"
    assert raised.value.details == (
        f"{FILE}:2: wrong_thing 1.0: wrong_thing.so is for machine 0, not for aarch64",
    )


def test_what_was_refused_is_not_kept(wheels: Wheels, tmp_path: Path) -> None:
    tag = "cp313-cp313-manylinux_2_17_aarch64"
    line = wheels.add("wrong_thing", tag=tag, files={"wrong_thing.so": "no library\n"})
    for _ in range(2):
        with pytest.raises(Misconfigured, match="cannot load"):
            dependencies(asked(line=line), install=uv_install, cache=tmp_path / "cache")


def test_distributions_are_read_from_their_own_records(tmp_path: Path) -> None:
    info = tmp_path / "some_thing-1.0.dist-info"
    info.mkdir()
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\nTag: cp313-cp313-linux_x86_64\n")
    (info / "RECORD").write_text('thing/__init__.py,sha256=x,1\n"thing/a,b.so",sha256=x,2\n')
    assert installed_wheels(tmp_path) == [
        Wheel(
            "some_thing",
            "1.0",
            ("py3-none-any", "cp313-cp313-linux_x86_64"),
            frozenset({"thing/__init__.py", "thing/a,b.so"}),
        )
    ]
