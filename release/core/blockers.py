"""Why a plan cannot be carried out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason. `code` is stable and for machines, `message` and `fix` are one line each and for people."""

    code: str
    message: str
    fix: str
