"""Deflated members as one file, to be used again without deflating or unpacking any of them.

A zip would have to be unpacked to know the sha256 of what is in it. Here an index says it, and the name of
the file in the cache is the digest of all of it: what was damaged is not used.
"""

import json
import struct
from collections.abc import Sequence

from release.build.archive import Member
from release.core import canonical

_MAGIC = b"release-pack-1\n"
_LENGTH = struct.Struct("<Q")


def write_pack(members: Sequence[Member]) -> bytes:
    index = [
        [one.path, one.executable, one.size, one.crc, one.sha256, one.deflated, len(one.data)]
        for one in members
    ]
    head = canonical.dumps(index)
    return b"".join([_MAGIC, _LENGTH.pack(len(head)), head, *(one.data for one in members)])


def read_pack(data: bytes, *, origin: str) -> tuple[Member, ...]:
    """What `write_pack` was given, in its order. Raises ValueError for anything that it did not write."""
    if not data.startswith(_MAGIC):
        raise ValueError("no pack")
    try:
        start = len(_MAGIC) + _LENGTH.size
        (length,) = _LENGTH.unpack_from(data, len(_MAGIC))
        index = json.loads(data[start : start + length])
        place, members = start + length, []
        for path, executable, size, crc, sha256, deflated, packed in index:
            content = data[place : place + packed]
            members.append(Member(path, executable, size, crc, sha256, deflated, content, origin))
            place += packed
    except (struct.error, TypeError, LookupError) as error:
        raise ValueError(f"damaged pack: {error}") from error
    if place != len(data):
        raise ValueError("damaged pack: its length is not what its index says")
    return tuple(members)
