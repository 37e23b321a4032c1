"""What git says of two trees and of what is in one. The port `Repo` gives these; they stand here because the
ports know much more, and a question about two trees is to take no time: there may be 50,000 of these, and to
make a dataclass takes seven times as long as to make a named tuple.
"""

from typing import NamedTuple


class TreeEntry(NamedTuple):
    path: str  # from the top of the tree, "/" between parts
    mode: str  # 100644, 100755, 120000, 160000
    blob: str  # object id


class Difference(NamedTuple):
    """A path that two trees do not have alike. Where a tree has none, mode and blob are all zeros."""

    path: str
    old_mode: str
    old_blob: str
    new_mode: str
    new_blob: str
