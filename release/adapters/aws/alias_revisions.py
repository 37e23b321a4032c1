"""Which revisions of an alias are over, so that a late answer is not taken for what somebody else did."""

import threading
from collections.abc import Hashable

Revision = str | None  # None: the alias does not exist


class AliasRevisions:
    """What this process knows of the aliases that it has written. Safe to share between threads.

    A read of an alias may come from before our own last write. Its revision tells: every write makes a new
    one, and none comes back. Only absence does, when somebody deletes what we have created.
    """

    def __init__(self) -> None:
        self._over: dict[Hashable, set[Revision]] = {}
        self._seen: dict[Hashable, Revision] = {}
        self._lock = threading.Lock()

    def is_over(self, alias: Hashable, revision: Revision) -> bool:
        with self._lock:
            return revision in self._over.get(alias, ())

    def saw(self, alias: Hashable, revision: Revision) -> None:
        """A read answered this."""
        with self._lock:
            self._seen[alias] = revision

    def ended(self, alias: Hashable, revision: Revision) -> None:
        """AWS said that the alias is not at this revision any more: by our write, or by refusing it."""
        with self._lock:
            self._over.setdefault(alias, set()).add(revision)

    def deleted(self, alias: Hashable) -> None:
        """Our deletion was done: whatever there was is over, and absence is what there is."""
        with self._lock:
            over = self._over.setdefault(alias, set())
            if (seen := self._seen.get(alias)) is not None:
                over.add(seen)
            over.discard(None)
