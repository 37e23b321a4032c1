"""Stacks that nothing but a person takes out of the state that they are in, and how exactly."""

import re
from typing import Final

from release.core.models import Place

# A stack that was never created completely serves nothing: whoever creates it removes it first.
NEVER_CREATED: Final = (
    "REVIEW_IN_PROGRESS",
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "DELETE_COMPLETE",
)
_NAMED: Final = re.compile(r"\[([A-Za-z0-9, ]+)\]")
_WAITERS: Final = {
    "CREATE": "stack-create-complete",
    "DELETE": "stack-delete-complete",
    "IMPORT": "stack-import-complete",
    "ROLLBACK": "stack-rollback-complete",
    "UPDATE": "stack-update-complete",
}


def is_under_way(status: str) -> bool:
    """Something is being done to it. One in review has a change set, which nobody may ever execute."""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def way_out(name: str, place: Place, status: str, reason: str = "") -> str | None:
    """What to run. None: the next update, or creation, takes it from there.

    States and their ways out:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    at = f"--stack-name {name} --region {place.region}"
    found = _NAMED.findall(reason)
    named = " ".join(dict.fromkeys(" ".join(found).replace(",", " ").split())) or "LOGICAL_ID"
    match status:
        case "UPDATE_ROLLBACK_FAILED":
            return (
                f"mend what its reason names, then: aws cloudformation continue-update-rollback {at};"
                f" where that cannot be mended, add --resources-to-skip {named}"
            )
        case "DELETE_FAILED":
            return (
                f"aws cloudformation delete-stack {at} --retain-resources {named}:"
                " what is named stays, without a stack"
            )
        case "UPDATE_FAILED" | "IMPORT_ROLLBACK_FAILED":
            return f"aws cloudformation rollback-stack {at}"
        case _ if is_under_way(status):
            kind = "ROLLBACK" if "ROLLBACK" in status else status.split("_")[0]
            return (
                f"wait for whoever is at it: aws cloudformation wait {_WAITERS[kind]} {at}"
                " (describe-stack-events shows what)"
            )
        case _:
            return None
