"""`build.include`: globs over the files of a commit, from the repository's top."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from release.core.fingerprint import SHARED_FOLDER, service_folder

_MAGIC = re.compile(r"[*?\[]")


def fixed_part(pattern: str) -> str:
    """The folder, or the file, that every path which the pattern matches is in. "" is the top."""
    parts = pattern.split("/")
    fixed = next((at for at, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
    return "/".join(parts[:fixed])


def matches(pattern: str, paths: Iterable[str]) -> Sequence[str]:
    """`*`, `?` and `[…]` stay in one folder; `**` as a part stands for any number of folders, and at the end
    for everything below. A pattern without any names a file, or a folder with all that is in it.
    """
    found = compiled(pattern).fullmatch
    return [path for path in paths if found(path)]


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    parts = pattern.rstrip("/").split("/")
    text = ""
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            text += ".*" if last else "(?:[^/]+/)*"
        else:
            text += _part(part) + ("" if last else "/")
    if not _MAGIC.search(pattern):
        text += "(?:/.*)?"
    return re.compile(text, re.DOTALL)


def refusal(path: str, service: str) -> str | None:
    """Why a service may not have this file. None: it may."""
    inside = path.startswith((service_folder(service) + "/", SHARED_FOLDER + "/"))
    if path.startswith("services/") and not inside:
        return "is in another service; what services share belongs into services/common"
    return None


def _part(part: str) -> str:
    """One part of a path, as fnmatch(3) has it with FNM_PATHNAME."""
    text, at = "", 0
    while at < len(part):
        character = part[at]
        at += 1
        if character == "*":
            text += "[^/]*"
        elif character == "?":
            text += "[^/]"
        elif character == "[" and (end := part.find("]", at + 1)) > 0:
            inside = part[at:end].replace("\\", "\\\\").replace("[", "\\[")
            text += f"[^/{inside[1:]}]" if inside[0] in "!^" else f"(?!/)[{inside}]"
            at = end + 1
        else:
            text += re.escape(character)
    return text
