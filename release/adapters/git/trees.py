"""Two questions about trees that cost no more than their answers, however large the trees are."""

from collections.abc import Mapping, Sequence

from release.adapters.git.command import Commands
from release.ports import Difference


def differences(git: Commands, base: str, head: str) -> Sequence[Difference]:
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


def folders(git: Commands, commit: str, under: str) -> Mapping[str, str]:
    out = git.out("ls-tree", "-z", "--full-tree", commit, "--", f"{under}/")
    found = {}
    for record in out.split(b"\0")[:-1]:
        facts, _, path = record.partition(b"\t")
        _mode, kind, tree = facts.split(b" ")
        if kind == b"tree":
            found[path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")] = tree.decode()
    return found
