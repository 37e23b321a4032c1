"""Two questions about trees that cost no more than their answers, however large the trees are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from release.core.git_objects import Difference
from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.adapters.git.command import Commands

_FOLDER: Final = b"40000"  # in a tree object; ls-tree shows it with a zero in front


def differences(git: "Commands", base: str, head: str) -> Sequence[Difference]:
    """git-diff-tree(1), RAW OUTPUT FORMAT. Two trees; no merge base, and nothing is taken for a rename."""
    out = git.out(
        "diff-tree",
        "-r",
        "-z",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        f"{base}^{{tree}}",
        f"{head}^{{tree}}",
    )
    parts = out.split(b"\0")
    found = []
    for facts, path in zip(parts[:-1:2], parts[1::2], strict=True):
        old_mode, new_mode, old, new, _status = facts[1:].decode().split(" ")
        found.append(Difference(path.decode("utf-8", "surrogateescape"), old_mode, old, new_mode, new))
    return found


def folders(git: "Commands", commit: str, under: Sequence[str]) -> Sequence[Mapping[str, str]]:
    """One process for all. git says of a folder that is not there what it says of a tree that it has lost, so
    the commit's own tree is read as well: a damaged clone must not look like one without these folders.
    """
    wanted = [f"{commit}^{{tree}}", *(f"{commit}:{folder}" for folder in under)]
    out = git.out("cat-file", "--batch", "--buffer", stdin="".join(f"{one}\n" for one in wanted).encode())
    found = list(_trees(out, len(wanted), id_bytes=len(commit) // 2))
    top = found[0] or {}
    for folder, answer in zip(("", *under), found, strict=True):
        if answer is None and (not folder or folder in top):
            raise Misconfigured(
                f"git has no tree of {folder or 'all'} in {commit[:10]}",
                fix="the clone is damaged or incomplete: `git fsck`, or clone again",
            )
    return [answer or {} for answer in found[1:]]


def _trees(out: bytes, count: int, *, id_bytes: int) -> Iterator[Mapping[str, str] | None]:
    """Folders in each of these trees. None: git has no such tree; empty where it is no tree at all."""
    # "mode name\0id" again and again: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    entry = re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % id_bytes, re.DOTALL)
    at = 0
    for _ in range(count):
        end = out.index(b"\n", at)
        facts = out[at:end].split(b" ")
        at = end + 1
        if not facts[-1].isdigit():  # "missing", or since git 2.51 "submodule"
            yield None
            continue
        size = int(facts[-1])
        entries = entry.findall(out, at, at + size) if facts[-2] == b"tree" else ()
        at += size + 1
        own = [(name, tree) for mode, name, tree in entries if mode == _FOLDER]
        # Together: one call for each of some thousand names takes as long as git does.
        names = b"\0".join(name for name, _ in own).decode("utf-8", "surrogateescape").split("\0")
        ids = b"".join(tree for _, tree in own).hex(" ", id_bytes).split(" ")
        yield dict(zip(names, ids, strict=True)) if own else {}
