"""A zip whose bytes depend on its files alone: not on time, machine, user, locale or the order of a folder's
listing.

Headers are written here, field by field, instead of by `zipfile`, because its choices (versions, flags,
attributes) are free to change with Python's version, and a changed header is another artifact for unchanged
code.
"""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from release.core import canonical
from release.core.fingerprint import case_twins, unusable_name
from release.errors import Misconfigured

# AWS Lambda's quotas, https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ZIPPED = 50 * 1024 * 1024  # bytes, for a zip that is sent with the call
MAX_UNZIPPED = 250 * 1024 * 1024  # bytes, with layers
MAX_MEMBERS = 0xFFFF  # more need zip64

LEVEL = 4  # of deflate: half the time of 6, and 3 % more bytes (docs/decisions/0016)
_STORED, _DEFLATED = 0, 8
_VERSION_NEEDED = 20  # 2.0: deflate
_MADE_BY_UNIX = 3 << 8 | _VERSION_NEEDED
_UTF8_NAME = 0x0800
_DATE_1980_01_01 = (1980 - 1980) << 9 | 1 << 5 | 1
_REGULAR_FILE = 0o100000
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive, already deflated."""

    path: str
    executable: bool
    size: int  # bytes, unpacked
    crc: int
    sha256: str  # of the unpacked bytes, hex
    deflated: bool  # False: stored, because deflate would not make it smaller
    data: bytes
    origin: str  # where it comes from, for people

    @classmethod
    def of(cls, path: str, data: bytes, *, executable: bool, origin: str) -> "Member":
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(data) + packer.flush()
        smaller = len(packed) < len(data)
        return cls(
            path=path,
            executable=executable,
            size=len(data),
            crc=zlib.crc32(data),
            sha256=hashlib.sha256(data).hexdigest(),
            deflated=smaller,
            data=packed if smaller else data,
            origin=origin,
        )

    @property
    def mode(self) -> int:
        return 0o755 if self.executable else 0o644

    def head(self, length: int) -> bytes:
        """The first bytes, unpacked."""
        if not self.deflated:
            return self.data[:length]
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(self.data, length)

    def content(self) -> bytes:
        """All bytes, unpacked."""
        return zlib.decompress(self.data, -zlib.MAX_WBITS, self.size) if self.deflated else self.data


@dataclass(frozen=True, slots=True)
class Archive:
    """A finished artifact."""

    data: bytes
    digest: str  # sha256 of the zip, hex
    content: str  # digest over sorted (path, mode, sha256 of file): equal even where deflate differs
    unzipped: int  # bytes
    zlib: str  # version of the zlib that deflated: another one may give other bytes for the same content


def archive(members: Iterable[Member], *, of: str) -> Archive:
    """Join members into a zip, sorted by path in UTF-8 bytes. `of` names the service in errors.

    Raises Misconfigured for a path that two sides want, for names that cannot be in a zip, and above AWS
    Lambda's limits.
    """
    ordered = sorted(members, key=lambda member: member.path.encode(errors="surrogateescape"))
    _refuse_collisions(ordered, of)
    sizes = {member.path: member.size for member in ordered}
    refuse_too_large(sizes, of=of)
    data = write_zip(ordered)
    if len(data) > MAX_ZIPPED:
        raise Misconfigured(
            f"the zip of {of} has {_megabytes(len(data))}; AWS Lambda takes {_megabytes(MAX_ZIPPED)}",
            fix="drop dependencies or data files; the largest are listed",
            details=_largest(sizes),
        )
    return Archive(
        data=data,
        digest=canonical.sha256(data),
        content=content_digest(ordered),
        unzipped=sum(sizes.values()),
        zlib=zlib.ZLIB_RUNTIME_VERSION,
    )


def refuse_too_large(sizes: Mapping[str, int], *, of: str) -> None:
    """Raises Misconfigured for more than AWS Lambda takes. `sizes` are bytes, unpacked, by path.

    For files on disk it is asked before they are read: a folder may hold more than this machine's memory.
    """
    unzipped = sum(sizes.values())
    if unzipped > MAX_UNZIPPED:
        raise Misconfigured(
            f"{of} unpacks to {_megabytes(unzipped)}; AWS Lambda takes {_megabytes(MAX_UNZIPPED)}",
            fix="drop dependencies or data files; the largest are listed",
            details=_largest(sizes),
        )
    if len(sizes) > MAX_MEMBERS:
        raise Misconfigured(
            f"{of} has {len(sizes)} files; a zip without extensions holds {MAX_MEMBERS}",
            fix="drop dependencies or pack data files together",
        )


def content_digest(members: Sequence[Member]) -> str:
    """Digest over (path, mode, sha256 of file), sorted: what the artifact says, however it was deflated."""
    return canonical.digest([[m.path, f"{m.mode:04o}", m.sha256] for m in members])


def write_zip(members: Sequence[Member]) -> bytes:
    """The bytes of a zip with these members in this order: no folders, no extra fields, no comment,
    1980-01-01.

    Layout by PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16
    (end).
    """
    body, directory = io.BytesIO(), io.BytesIO()
    for member in members:
        name = member.path.encode()
        flags = 0 if name.isascii() else _UTF8_NAME
        method = _DEFLATED if member.deflated else _STORED
        common = (
            _VERSION_NEEDED,
            flags,
            method,
            0,
            _DATE_1980_01_01,
            member.crc,
            len(member.data),
            member.size,
        )
        attributes = (_REGULAR_FILE | member.mode) << 16
        directory.write(
            _CENTRAL.pack(
                b"PK\x01\x02", _MADE_BY_UNIX, *common, len(name), 0, 0, 0, 0, attributes, body.tell()
            )
        )
        directory.write(name)
        body.write(_LOCAL.pack(b"PK\x03\x04", *common, len(name), 0))
        body.write(name)
        body.write(member.data)
    start, size = body.tell(), directory.tell()
    body.write(directory.getvalue())
    body.write(_END.pack(b"PK\x05\x06", 0, 0, len(members), len(members), size, start, 0))
    return body.getvalue()


def read_zip(data: bytes, *, origin: str) -> tuple[Member, ...]:
    """The members of a zip that `write_zip` wrote, without deflating again. Raises ValueError when it is
    damaged.
    """
    members = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            for info in opened.infolist():
                content = opened.read(info)  # checks the CRC
                start = info.header_offset + _LOCAL.size + len(info.filename.encode())
                members.append(
                    Member(
                        path=info.filename,
                        executable=bool(info.external_attr >> 16 & 0o100),
                        size=info.file_size,
                        crc=info.CRC,
                        sha256=hashlib.sha256(content).hexdigest(),
                        deflated=info.compress_type == zipfile.ZIP_DEFLATED,
                        data=data[start : start + info.compress_size],
                        origin=origin,
                    )
                )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"damaged zip: {error}") from error
    return tuple(members)


def _refuse_collisions(members: Sequence[Member], of: str) -> None:
    problems = []
    by_path: dict[str, Member] = {}
    for member in members:
        if reason := unusable_name(member.path):
            problems.append(f"{member.path!r} of {member.origin}: {reason}")
        first = by_path.setdefault(member.path, member)
        if first is not member:
            problems.append(f"{member.path}: both {first.origin} and {member.origin} have it")
    for one, other in case_twins(by_path):
        problems.append(
            f"{one} ({_origin(one, by_path)}) and {other} ({_origin(other, by_path)}): equal but for case"
        )
    for path, member in by_path.items():
        for folder in _folders(path):
            if folder in by_path:
                origin = by_path[folder].origin
                problems.append(f"{folder}: a file of {origin}, and a folder of {member.origin}")
    if problems:
        raise Misconfigured(
            f"files of {of} are in each other's way",
            fix="rename the service's file or package, or drop the dependency that brings the same name",
            details=sorted(set(problems)),
        )


def _folders(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[:length]) for length in range(1, len(parts)))


def _origin(path: str, by_path: Mapping[str, Member]) -> str:
    return next(m.origin for p, m in by_path.items() if p == path or p.startswith(path + "/"))


def _largest(sizes: Mapping[str, int]) -> Sequence[str]:
    top: dict[str, int] = {}
    for path, size in sizes.items():
        name = path.split("/")[0]
        top[name] = top.get(name, 0) + size
    ordered = sorted(top.items(), key=lambda item: (-item[1], item[0]))
    return [f"{name}: {_megabytes(size)}" for name, size in ordered[:5]]


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB"
