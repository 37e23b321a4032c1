"""What the decisions need of the outside world, as Protocols: a module for each subject. One adapter (and one
strict fake) stands behind each.

Import from here: `from release.ports import Repo`. What a port speaks of is imported for type checkers alone,
so that no verb waits for modules of core because of a port that it does not use.
"""

from release.core.git_objects import Difference, TreeEntry
from release.ports.artifacts import Artifacts, Indexed
from release.ports.aws import Code, Compared, Functions, Metrics, S3Code, StackRequest, Stacks, ZipFile
from release.ports.clock import Clock
from release.ports.forge import Forge
from release.ports.git import Branch, CommitInfo, RefUpdate, RemoteRefs, RemoteTag, Repo
from release.ports.holders import Holders
from release.ports.ledger import Ledger, LedgerChain, LedgerState
from release.ports.notifier import Notifier
from release.ports.programs import Ended, Program, Programs
from release.ports.progress import Progress

__all__ = [
    "Artifacts",
    "Branch",
    "Clock",
    "Code",
    "CommitInfo",
    "Compared",
    "Difference",
    "Ended",
    "Forge",
    "Functions",
    "Holders",
    "Indexed",
    "Ledger",
    "LedgerChain",
    "LedgerState",
    "Metrics",
    "Notifier",
    "Program",
    "Programs",
    "Progress",
    "RefUpdate",
    "RemoteRefs",
    "RemoteTag",
    "Repo",
    "S3Code",
    "StackRequest",
    "Stacks",
    "TreeEntry",
    "ZipFile",
]
