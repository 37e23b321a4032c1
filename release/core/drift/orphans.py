"""What a service has left in a stage that does not have it any more."""

from release.core.drift.findings import Finding
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
