"""What a service has left in a stage that does not have it any more, told as drift."""

from release.core.drift.findings import Finding
from release.core.orphans import Orphan
from release.core.records import Served
from release.core.snapshot import AliasFacts


def orphaned(served: Served, facts: AliasFacts, *, stage: str) -> Finding:
    """A function that the stage once had in a release and does not have any more, and that still serves."""
    return Finding(
        "orphan",
        served.service,
        served.function,
        served.account,
        served.region,
        f"no release has it any more, and {facts.name} still serves version {facts.lambda_version}",
        f"release retire {served.service} {stage} --reason TEXT",
    )


def orphaned_stack(orphan: Orphan) -> Finding:
    """The stack of a service that is gone. That it is kept for its data, with nothing calling it, is told."""
    return Finding(
        "orphan",
        orphan.service,
        "",
        orphan.account,
        orphan.region,
        f"no release has it any more: {orphan.what}",
        orphan.fix,
        harmless=orphan.is_quiet,
    )
