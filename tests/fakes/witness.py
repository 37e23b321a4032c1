"""Watches what the tool does to AWS, call by call, and notes what it must never do."""

from collections.abc import Callable, Mapping
from typing import Any

from release.adapters.aws.function_facts import alias_facts, configuration_digest
from release.core.models import Gradual, Place
from release.core.snapshot import AliasFacts
from tests.fakes.aws import ApiCall

_WHOLE_SECONDS = 2.0  # records say when a bake began without its fraction of a second
Where = tuple[Place, str]


class Witness:
    """`violations` is what was done and must not be done, a line each."""

    def __init__(
        self, rollout: Gradual | None, now: Callable[[], float], calls: Callable[[Place, str, str], int]
    ) -> None:
        self._rollout, self._now, self._calls = rollout, now, calls
        self._moved: dict[tuple[Where, str], tuple[float, float]] = {}  # by promotion: its last share, when
        self.violations: list[str] = []
        self.proven: set[tuple[Place, str, str]] = set()  # versions that a smoke test passed
        self.foreign: dict[Where, int] = {}  # aliases that are as somebody else left them: when they did
        self._left: dict[Where, AliasFacts | None] = {}  # and how
        self.aliases_by_hand = 0  # how often somebody else wrote an alias
        self.clock = 0  # counts everything that is seen
        self._served: set[tuple[Place, str, str]] = set()
        self._observed: dict[object, dict[Where, int]] = {}  # what each process had read for its plan
        self._wrote: dict[object, int] = {}  # writes to aliases by each process
        self._looked: dict[Where, int] = {}  # when the tool last read an alias, or wrote it
        self._published: dict[tuple[Place, str, str, str], set[str]] = {}
        self._others_hold: set[object] = set()  # processes that know the stage to be somebody else's

    def observed(self, process: object) -> None:
        """A process has read all that its plan is made from: only what it saw may it write over."""
        self._observed[process] = dict(self._looked)

    def knows(self, process: object, *, holds: bool) -> None:
        """A process has read the ledger, or written to it: whether the stage is its own."""
        if holds:
            self._others_hold.discard(process)
        else:
            self._others_hold.add(process)

    def wrote_aliases(self, process: object) -> int:
        return self._wrote.get(process, 0)

    def serves(self, place: Place, name: str, lambda_version: str) -> None:
        """What serves when the watch begins, or by another's hand: it may be put back."""
        self._served.add((place, name, lambda_version))

    def by_hand(self, place: Place, name: str, left: AliasFacts | None) -> None:
        """Somebody else wrote this alias, and left it so."""
        self.clock += 1
        self._left[place, name] = left
        # Whoever moves what bakes has ended the bake.
        self._moved = {key: value for key, value in self._moved.items() if key[0] != (place, name)}
        self.aliases_by_hand += 1
        self.foreign[place, name] = self.clock

    def unseen(self, where: Where) -> bool:
        """Whether somebody else wrote this alias after the tool last looked at it."""
        return self.foreign.get(where, 0) > self._looked.get(where, 0)

    def saw(self, call: ApiCall, answer: Mapping[str, Any], process: object, *, stale: bool) -> None:
        self.clock += 1
        notes: dict[str, Callable[..., None]] = {
            "create_alias": self._alias_written,
            "update_alias": self._alias_written,
            "delete_alias": self._alias_written,
            "publish_version": self._version_published,
        }
        if call.method == "get_alias" and not stale:
            self._looked[call.place, call.name] = self.clock
        if call.method in notes:
            notes[call.method](call, answer, process)

    def _alias_written(self, call: ApiCall, answer: Mapping[str, Any], process: object) -> None:
        where = call.place, call.name
        self._wrote[process] = self._wrote.get(process, 0) + 1
        if process in self._others_hold:
            self.violations.append(f"{call.method} of {call.name} in {call.place} by who had lost the stage")
        if not self._changes_nothing(where, answer):
            unseen = self.foreign.pop(where, 0) > self._observed.get(process, {}).get(where, 0)
            # DeleteAlias is the one write that AWS guards by no RevisionId.
            if unseen and call.method != "delete_alias":
                self.violations.append(f"{call.method} of {call.name} in {call.place} wrote over another's")
        self._waited(where, answer)
        for version in _versions(answer):
            known = (*where, version)
            if known not in self.proven and known not in self._served:
                self.violations.append(f"{call.name} in {call.place} serves {version}, which proved nothing")
            self._served.add(known)
        self._looked[where] = self.clock

    def _waited(self, where: Where, answer: Mapping[str, Any]) -> None:
        """Each step of a canary comes after the bake of the one before, and after calls enough to judge."""
        if "FunctionVersion" not in answer or self._rollout is None:
            return
        facts = alias_facts(answer)
        mark, _, promotion = facts.description.rpartition(" by ")
        if not mark:
            return  # on the way back
        share = next(iter(facts.weights.values()), 1.0)
        before, at = self._moved.get((where, promotion), (1.0, 0.0))
        baked = self._now() - at
        if before < share and baked < self._rollout.bake.total_seconds() - _WHOLE_SECONDS:
            self.violations.append(
                f"{where[1]} in {where[0]} went from {before:.0%} to {share:.0%} after {baked:.0f} s"
            )
        if before < share and not self._rollout.probe:
            canary = next(iter(facts.weights), facts.lambda_version)
            if (seen := self._calls(*where, canary)) < self._rollout.min_samples:
                self.violations.append(f"{where[1]} in {where[0]} went to {share:.0%} after {seen} calls")
        self._moved[where, promotion] = (share, self._now())

    def _changes_nothing(self, where: Where, answer: Mapping[str, Any]) -> bool:
        """A write of what is there only makes sure that it is there."""
        left = self._left.get(where)
        if where not in self.foreign or left is None or "FunctionVersion" not in answer:
            return False
        now = alias_facts(answer)
        return (now.serving, now.description) == (left.serving, left.description)

    def _version_published(self, call: ApiCall, answer: Mapping[str, Any], _process: object) -> None:
        key = (call.place, call.name, answer["CodeSha256"], configuration_digest(answer))
        numbers = self._published.setdefault(key, set())
        numbers.add(answer["Version"])
        if len(numbers) > 1:
            self.violations.append(
                f"{call.name} in {call.place}: one digest was published as {sorted(numbers)}"
            )


def _versions(answer: Mapping[str, Any]) -> list[str]:
    if "FunctionVersion" not in answer:
        return []
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return [answer["FunctionVersion"], *weights]
