"""What came of comparing the ledger with tags, stored bytes, what runs and what GitHub shows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

# in the order in which they are looked at
Subject = Literal["ledger", "tag", "manifest", "artifact", "running", "release", "deployment"]
Result = Literal["holds", "mismatch", "unread", "unchecked"]

SCHEMA: Final = "lambda-release/audit-verify/1"


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison. `why`: what differs, why it cannot be read or nobody looked, or how much holds."""

    subject: Subject
    place: str
    result: Result
    why: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """All comparisons, in the order in which they were made."""

    ledger: str | None  # commit that was verified; None: there is no ledger
    checks: tuple[Check, ...]

    @property
    def mismatches(self) -> Sequence[Check]:
        return [check for check in self.checks if check.result == "mismatch"]

    @property
    def unread(self) -> Sequence[Check]:
        return [check for check in self.checks if check.result == "unread"]

    @property
    def verdict(self) -> Literal["verified", "mismatch", "incomplete"]:
        """A mismatch stands whatever else could not be read."""
        return "mismatch" if self.mismatches else "incomplete" if self.unread else "verified"

    def to_json(self) -> dict[str, Any]:
        first = next(iter([*self.mismatches, *self.unread]), None)
        return {
            "schema": SCHEMA,
            "ledger": self.ledger,
            "verdict": self.verdict,
            "first": _check_json(first) if first else None,
            "checks": [_check_json(check) for check in self.checks],
        }


def _check_json(check: Check) -> dict[str, str]:
    return {
        "subject": check.subject,
        "place": check.place,
        "result": check.result,
        "why": check.why,
    }
