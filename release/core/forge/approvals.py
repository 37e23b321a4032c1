"""Who has approved a workflow run."""

from collections.abc import Iterable

from release.core.forge.facts import Approval


def approvers(approvals: Iterable[Approval], gate: str) -> tuple[str, ...]:
    """Logins of those who have approved jobs of this environment, each once, sorted."""
    return tuple(
        sorted({one.login for one in approvals if one.state == "approved" and gate in one.environments})
    )
