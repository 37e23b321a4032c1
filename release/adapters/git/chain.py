"""A branch's history as a stream, oldest first: each commit with its parents, message and changed files."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from release.adapters.git.command import Commands
from release.adapters.git.objects import blobs
from release.core.chain import Change, LedgerCommit

_AT_ONCE = 500  # commits: what is held in memory, however long the history is


def history(
    git: Commands, commit: str, saying: Sequence[str], wanted: Callable[[str], bool]
) -> Iterator[LedgerCommit]:
    """A commit and its ancestors.

    `saying`: only those whose message any of these basic regular expressions fits. Changes of paths that are
    not `wanted` are left out.
    """
    chosen = git.out(
        "rev-list", "--reverse", "--topo-order", *(f"--grep={one}" for one in saying), commit, "--"
    )
    ids = iter(chosen.decode().split())
    while some := list(islice(ids, _AT_ONCE)):
        yield from _read(git, some, wanted)


def _read(git: Commands, ids: Sequence[str], wanted: Callable[[str], bool]) -> Iterator[LedgerCommit]:
    asked = "".join(f"{one}\n" for one in ids).encode()
    changed = _changes(git.out("diff-tree", "--stdin", "--root", "-r", "-z", "--no-renames", stdin=asked))
    kept = {one: [each for each in changed.get(one, ()) if wanted(each[1])] for one in ids}
    contents = blobs(
        git, [blob for each in kept.values() for status, _, blob in each if blob and status != "D"]
    )
    facts = _facts(git.out("cat-file", "--batch", "--buffer", stdin=asked))
    for one in ids:
        parents, message = facts[one]
        changes = tuple(
            Change(status, path, None if status == "D" else contents.get(blob, b""))
            for status, path, blob in kept[one]
        )
        yield LedgerCommit(one, parents, message, changes)


def _changes(out: bytes) -> dict[str, list[tuple[str, str, str]]]:
    """Commit -> (status, path, blob) of its files. What is no plain file has status T and no blob."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    parts = iter(out.split(b"\0"))
    current = ""
    for part in parts:  # a commit's id, then ":modes ids status" and a path for each file
        if part.startswith(b":"):
            _, mode, _, blob, status = part.decode().split(" ")
            path = next(parts).decode("utf-8", "surrogateescape")
            plain = mode in ("100644", "000000")
            found[current].append((status[:1] if plain else "T", path, blob if plain else ""))
        elif part:
            current = part.decode().strip()
            found.setdefault(current, [])
    return found


def _facts(out: bytes) -> dict[str, tuple[tuple[str, ...], str]]:
    """Commit -> parents, message."""
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        name, _, size = out[at:end].decode().split(" ")
        content = out[end + 1 : end + 1 + int(size)]
        at = end + 1 + int(size) + 1
        header, _, message = content.decode("utf-8", "replace").partition("\n\n")
        parents = tuple(line[7:] for line in header.split("\n") if line.startswith("parent "))
        found[name] = parents, message
    return found
