"""Reads from a binary what machine it is for, and which glibc it needs at least.

Layout by the System V ABI (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html) and, for versions
of symbols, the LSB (https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

Glibc: TypeAlias = tuple[int, int]  # (2, 34)

MAGIC: Final = b"\x7fELF"
_MACHINES: Final = {
    62: "x86_64",
    183: "aarch64",
    3: "i386",
    40: "arm",
    21: "ppc64",
    22: "s390x",
    243: "riscv",
}
_HEADER = struct.Struct("<18xH20xQ10x3H")  # e_machine, e_shoff, e_shentsize, e_shnum, e_shstrndx
_SECTION = struct.Struct("<4xL16xQQLL16x")  # sh_type, sh_offset, sh_size, sh_link, sh_info
_NEED = struct.Struct("<2xH4xLL")  # vn_cnt, vn_aux, vn_next
_NEED_AUX = struct.Struct("<8xLL")  # vna_name, vna_next
_SHT_GNU_VERNEED: Final = 0x6FFFFFFE
_VERSION = re.compile(rb"GLIBC_([0-9]+)\.([0-9]+)")


@dataclass(frozen=True, slots=True)
class Elf:
    machine: str  # as uname says it: aarch64, x86_64
    glibc: Glibc | None  # the newest whose symbols it asks for; None: it asks for none


def read_elf(data: bytes) -> Elf | None:
    """None: this is no ELF file. A damaged one is what can be read of it."""
    if not data.startswith(MAGIC):
        return None
    if len(data) < _HEADER.size or data[4:6] != b"\x02\x01":
        return Elf("a 32-bit or big-endian machine", None)
    machine, sections, size, count, _ = _HEADER.unpack_from(data)
    try:
        needed = max(_needed(data, sections, size, count), default=None)
    except struct.error:
        needed = None
    return Elf(_MACHINES.get(machine, f"machine {machine}"), needed)


def _needed(data: bytes, sections: int, size: int, count: int) -> Iterator[Glibc]:
    for index in range(count):
        kind, offset, _, link, entries = _SECTION.unpack_from(data, sections + index * size)
        if kind != _SHT_GNU_VERNEED:
            continue
        _, names, _, _, _ = _SECTION.unpack_from(data, sections + link * size)
        for _ in range(entries):
            aux_count, aux, following = _NEED.unpack_from(data, offset)
            place = offset + aux
            for _ in range(aux_count):
                name, next_aux = _NEED_AUX.unpack_from(data, place)
                if version := _VERSION.match(data, names + name):
                    yield int(version[1]), int(version[2])
                place += next_aux
            offset += following
