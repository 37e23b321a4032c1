"""Native code that AWS Lambda could not load is refused when it is built, not when it is called.

uv chooses wheels by the tags in their names. A wheel whose name promises too much, or one from a folder of
somebody's own, would otherwise be found by the first request.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.build.archive import Member
from release.build.elf import MAGIC, Elf, Glibc, read_elf
from release.build.installer import Installation
from release.build.requirements import normalised
from release.build.target import glibc_of, machine_of
from release.core.models import Service
from release.errors import Misconfigured

# https://peps.python.org/pep-0513/, 0571 and 0599; newer ones say the version in the tag: PEP 600
_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_MANYLINUX = re.compile(r"manylinux_([0-9]+)_([0-9]+)_(.+)")
_EXTENSION = re.compile(r"(?P<stem>.+)\.cpython-(?P<abi>[0-9]+)[^/]*\.so")  # PEP 3149
_FOREIGN_NAMES = (".pyd", ".dylib", ".dll")


@dataclass(frozen=True, slots=True)
class Wheel:
    """An installed distribution."""

    name: str
    version: str
    tags: tuple[str, ...]  # "cp313-cp313-manylinux_2_17_aarch64"
    files: frozenset[str]  # paths in the artifact


def installed_wheels(folder: Path) -> Sequence[Wheel]:
    """What an installer left in a folder, by its own records."""
    return [_wheel(info) for info in sorted(folder.glob("*.dist-info"))]


def refuse_unfit(members: Sequence[Member], wheels: Iterable[Wheel], asked: Installation) -> None:
    """Raises Misconfigured that names every wheel with native code that the runtime cannot load.

    Nothing to do for this machine's own Python. A wheel without native code fits, whatever its tags say; one
    for any platform may carry a library for several, as long as one of them is ours.
    """
    if asked.target.is_host:
        return
    machine, glibc = machine_of(asked.architecture), glibc_of(asked.runtime)
    native = {member.path: member for member in members if _may_be_native(member)}
    problems = []
    for wheel in wheels:
        own = [native[path] for path in sorted(wheel.files & native.keys())]
        if reason := _unfit(wheel, own, asked.runtime, machine, glibc):
            line = next((pin.line for pin in asked.pins if pin.name == normalised(wheel.name)), None)
            place = asked.file if line is None else f"{asked.file}:{line}"
            problems.append((place, f"{place}: {wheel.name} {wheel.version}: {reason}"))
    if problems:
        raise Misconfigured(
            f"{asked.runtime} on {asked.architecture} cannot load what {asked.file} installs",
            fix="pin a version with a wheel for it, choose another runtime or architecture, or do without",
            see=problems[0][0],
            details=[problem for _, problem in problems],
        )


def refuse_foreign_machine(members: Sequence[Member], service: Service) -> None:
    """Raises Misconfigured for executables and libraries that a command built for another machine."""
    machine, glibc = machine_of(service.architecture), glibc_of(service.runtime)
    found = ((member, read_elf(member.content())) for member in members if member.head(4) == MAGIC)
    problems = [
        f"{member.path}: {reason}"
        for member, elf in found
        if elf is not None and (reason := _foreign(elf, machine, glibc))
    ]
    if problems:
        raise Misconfigured(
            f"what was built for {service.name} does not run on {service.runtime} on {service.architecture}",
            fix="have the command build for RELEASE_ARCHITECTURE, static or against an older glibc",
            see=str(service.source),
            details=problems,
        )


def _wheel(info: Path) -> Wheel:
    name, _, version = info.name.removesuffix(".dist-info").partition("-")
    tags = re.findall(r"^Tag: *(\S+)", _text(info / "WHEEL"), re.MULTILINE)
    paths = (line.rsplit(",", 2)[0].strip('"') for line in _text(info / "RECORD").splitlines())
    return Wheel(name, version, tuple(tags), frozenset(paths))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""


def _may_be_native(member: Member) -> bool:
    name = member.path.rpartition("/")[2]
    return name.endswith((".so", *_FOREIGN_NAMES)) or member.head(4) == MAGIC


def _unfit(wheel: Wheel, native: Sequence[Member], runtime: str, machine: str, glibc: Glibc) -> str | None:
    """Why a runtime cannot load a wheel. None: it can."""
    elves = [(member, elf) for member in native if (elf := read_elf(member.content())) is not None]
    if wheel.tags and all(tag.endswith("-any") for tag in wheel.tags):
        if not elves or any(_foreign(elf, machine, glibc) is None for _, elf in elves):
            return None
    elif native and wheel.tags and not any(_fits(tag, runtime, machine, glibc) for tag in wheel.tags):
        return f"its wheel is for {', '.join(wheel.tags[:3])}"
    for member, elf in elves:
        if reason := _foreign(elf, machine, glibc):
            return f"{member.path} {reason}"
    for member in native:
        if member.path.endswith((".so", *_FOREIGN_NAMES)) and member.head(4) != MAGIC:
            return f"{member.path} is no library for Linux"
    return _other_abi(native, runtime)


def _foreign(elf: Elf, machine: str, glibc: Glibc) -> str | None:
    if elf.machine != machine:
        return f"is for {elf.machine}, not for {machine}"
    if elf.glibc is not None and elf.glibc > glibc:
        return f"needs glibc {_dotted(elf.glibc)}, and the runtime has {_dotted(glibc)}"
    return None


def _other_abi(native: Sequence[Member], runtime: str) -> str | None:
    """An extension module that is there, but only for other versions of Python."""
    abi = runtime.removeprefix("python").replace(".", "")
    modules: dict[str, dict[str, str]] = {}
    for member in native:
        if match := _EXTENSION.fullmatch(member.path):
            modules.setdefault(match["stem"], {})[match["abi"]] = member.path
    return next(
        (
            f"{next(iter(found.values()))} is for another Python"
            for found in modules.values()
            if abi not in found
        ),
        None,
    )


def _fits(tag: str, runtime: str, machine: str, glibc: Glibc) -> bool:
    """Whether a wheel's tag is one that the runtime loads. https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/"""
    interpreters, _, rest = tag.partition("-")
    abis, _, platforms = rest.partition("-")
    minor = int(runtime.removeprefix("python3."))
    return any(_runs(one, abis.split("."), minor) for one in interpreters.split(".")) and any(
        _is_on(platform, machine, glibc) for platform in platforms.split(".")
    )


def _runs(interpreter: str, abis: Sequence[str], minor: int) -> bool:
    match = re.fullmatch(r"(py|cp)3(\d*)", interpreter)
    if match is None:
        return False
    own = int(match[2]) if match[2] else 0
    if f"cp3{minor}" in abis:
        return interpreter == f"cp3{minor}"
    if "abi3" in abis or match[1] == "py":
        return own <= minor
    return "none" in abis and own == minor


def _is_on(platform: str, machine: str, glibc: Glibc) -> bool:
    if platform in ("any", f"linux_{machine}"):  # the latter promises no glibc: the libraries say it
        return True
    if match := _MANYLINUX.fullmatch(platform):
        return match[3] == machine and (int(match[1]), int(match[2])) <= glibc
    legacy, _, on = platform.partition("_")
    return legacy in _LEGACY and on == machine and _LEGACY[legacy] <= glibc


def _dotted(glibc: Glibc) -> str:
    return ".".join(map(str, glibc))
