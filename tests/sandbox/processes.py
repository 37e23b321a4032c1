"""What the kernel says about a tree of processes. Linux only, as /proc is."""

import time
from collections.abc import Iterable
from pathlib import Path

_LISTENING = "0A"  # linux/include/net/tcp_states.h


def descendants(pid: int) -> set[int]:
    """The process and all that it started, directly or not."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name stands in parentheses and may hold spaces; the parent is the second field after it.
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    tree = {pid}
    while grown := {child for child, parent in parents.items() if parent in tree} - tree:
        tree |= grown
    return tree


def left_after(pids: Iterable[int], seconds: float) -> set[int]:
    """Those of the processes that still run, at the latest after this time."""
    deadline = time.monotonic() + seconds
    remaining = set(pids)
    while remaining and time.monotonic() < deadline:
        remaining = {pid for pid in remaining if _runs(pid)}
        time.sleep(0.02)
    return remaining


def listening_addresses(pids: Iterable[int]) -> set[str]:
    """Hex addresses that the processes listen on, as /proc/net/tcp writes them: 0100007F is 127.0.0.1."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(str(descriptor.readlink()))
            except FileNotFoundError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1].partition(":")[0])
    return found


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
