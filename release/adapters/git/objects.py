"""Reading and writing objects of a repository. Nothing here touches a ref, the index or the work tree."""

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from release.adapters.git.command import Commands
from release.core.git_objects import TreeEntry
from release.errors import Misconfigured, ReleaseError

# What only writing needs is imported where it is: reading two trees is to take no time.

# Commits and tags are made by the tool: who promoted stands in the trailers, as a forge login. An empty
# address is valid for git, identifies nobody, and cannot be mistaken for one that receives mail.
NAME, EMAIL = "release", ""


def missing(git: Commands, object_ids: Iterable[str]) -> list[str]:
    """Those that are not in this clone."""
    wanted = list(dict.fromkeys(object_ids))
    if not wanted:
        return []
    answer = git.answer("cat-file", "--batch-check", stdin="".join(f"{i}\n" for i in wanted).encode())
    if (
        answer.status
    ):  # a partial clone that could not ask its remote: nothing is known, so all must be fetched
        return wanted
    return [
        object_id
        for object_id, line in zip(wanted, answer.out.splitlines(), strict=True)
        if line.endswith(b" missing")
    ]


def tree(
    git: Commands, commit: str, under: Sequence[str], matching: str | None = None
) -> Sequence[TreeEntry]:
    out = git.out("ls-tree", "-r", "-z", "--full-tree", commit, "--", *under)
    wanted = re.compile(os.fsencode(matching)).search if matching is not None else None
    entries = []
    for record in out.split(b"\0")[:-1]:
        facts, _, path = record.partition(b"\t")
        if wanted is not None and wanted(path) is None:
            continue
        mode, _kind, blob = facts.decode().split(" ")
        entries.append(TreeEntry(path.decode("utf-8", "surrogateescape"), mode, blob))
    return entries


def blobs(git: Commands, ids: Iterable[str]) -> Mapping[str, bytes]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    out = git.out("cat-file", "--batch", "--buffer", stdin="".join(f"{i}\n" for i in wanted).encode())
    found: dict[str, bytes] = {}
    at = 0
    for blob in wanted:
        end = out.index(b"\n", at)
        facts = out[at:end].split(b" ")
        if len(facts) != 3 or facts[1] != b"blob":
            raise _absent(blob, out[at:end])
        size = int(facts[2])
        found[blob] = out[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def sizes(git: Commands, ids: Iterable[str]) -> Mapping[str, int]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    asked = "".join(f"{i}\n" for i in wanted).encode()
    out = git.out("cat-file", "--batch-check=%(objectsize)", "--buffer", stdin=asked)
    found: dict[str, int] = {}
    for blob, line in zip(wanted, out.splitlines(), strict=True):
        if not line.isdigit():
            raise _absent(blob, line)
        found[blob] = int(line)
    return found


def _absent(blob: str, answer: bytes) -> Misconfigured:
    return Misconfigured(
        f"git has no file content {blob}: {answer.decode(errors='replace')}",
        fix="the clone is damaged or incomplete: `git fsck`, or clone again",
    )


def write_blobs(git: Commands, contents: Sequence[bytes]) -> Sequence[str]:
    """Ids in the order of the contents, by one process."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        paths = [Path(folder, str(number)) for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        listed = "".join(f"{path}\n" for path in paths).encode()
        return git.out("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listed).decode().split()


def write_commit(
    git: Commands,
    *,
    base: str | None,
    files: Mapping[str, bytes | None],
    parents: Sequence[str],
    message: str,
) -> str:
    import tempfile

    contents = {path: data for path, data in files.items() if data is not None}
    ids = dict(zip(contents, write_blobs(git, list(contents.values())) if contents else [], strict=True))
    # git-update-index(1), USING --INDEX-INFO: mode 0 takes a path out
    nothing = b"0" * (64 if base is not None and len(base) == 64 else 40)  # as long as the ids are here
    entries = [
        (b"100644 " + ids[path].encode() if path in ids else b"0 " + nothing)
        + b"\t"
        + path.encode("utf-8", "surrogateescape")
        + b"\0"
        for path in files
    ]
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git.out("read-tree", *([base] if base else ["--empty"]), env=index)
        put = git.answer("update-index", "-z", "--index-info", stdin=b"".join(entries), env=index)
        if (
            put.status or "Ignoring path" in put.err
        ):  # git ignores a path that it would not check out, and succeeds
            raise _failure("git does not take a path into a tree", put.err)
        # In a partial clone the other files may be elsewhere; their ids are all that a tree needs.
        written = git.out("write-tree", "--missing-ok", env=index).decode().strip()
    identity = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", NAME), ("EMAIL", EMAIL), ("DATE", _now()))
    }
    ancestry = [part for parent in parents for part in ("-p", parent)]
    out = git.out("commit-tree", *ancestry, written, stdin=message.encode() or b"\n", env=identity)
    return out.decode().strip()


def added(git: Commands, commit: str, limit: int | None, saying: Sequence[str]) -> Sequence[TreeEntry]:
    """Files that a commit and its ancestors have added, the newest first.

    `limit`: of so many commits. `saying`: of those whose message any of these basic regular expressions fits.
    """
    chosen = git.out(
        "rev-list",
        *([f"--max-count={limit}"] if limit is not None else []),
        *(f"--grep={pattern}" for pattern in saying),
        commit,
        "--",
    )
    out = git.out(
        "diff-tree", "--stdin", "--root", "-r", "-z", "--no-renames", "--diff-filter=A", stdin=chosen
    )
    entries = []
    parts = iter(out.split(b"\0"))
    for part in parts:  # a commit's id, then ":modes ids A" and a path for each file
        if part.startswith(b":"):
            mode, blob = part.split(b" ")[1:4:2]
            entries.append(
                TreeEntry(next(parts).decode("utf-8", "surrogateescape"), mode.decode(), blob.decode())
            )
    return entries


def write_tag(git: Commands, *, name: str, commit: str, message: str) -> str:
    body = message if message.endswith("\n") else message + "\n"
    payload = f"object {commit}\ntype commit\ntag {name}\ntagger {NAME} <{EMAIL}> {_now()}\n\n{body}".encode()
    from release.adapters.git import signing

    signature = signing.signature(git, payload)
    answer = git.answer("mktag", "--strict", stdin=payload + signature)
    if answer.status:
        raise _failure(f"git does not accept the tag {name} on {commit}", answer.err)
    return answer.out.decode().strip()


def tag_message(git: Commands, object_id: str) -> str:
    """The message as it was given, without a signature."""
    from release.adapters.git import signing

    content = git.out("cat-file", "tag", object_id).decode("utf-8", "replace")
    return signing.without_signature(content.partition("\n\n")[2])


def _failure(doing: str, err: str) -> ReleaseError:
    from release.adapters.git.failures import failure

    return failure(doing, err)


def _now() -> str:
    return f"{int(time.time())} +0000"
