"""What must hold before traffic moves. A gate that is configured but not built yet is closed, not ignored."""

from release.core.blockers import Blocker
from release.core.models import Gradual, Stage

_FIX = "take it out of the pipeline until this version of release can act on it"


def closed_by_configuration(stage: Stage) -> tuple[Blocker, ...]:
    """Gates, rollouts and verifications of a stage that this version cannot act on yet."""
    closed = [
        Blocker(
            "gate-not-built",
            f"the gate {gate.name} ({gate.setting}) of {stage.name} is not built yet,"
            f" so it is closed: {gate.source}",
            _FIX,
        )
        for gate in stage.gates
    ]
    closed += [
        Blocker(
            "rollout-not-built",
            f"the rollout {rollout} in {region} is not built yet, so it is closed: {rollout.source}",
            f"{_FIX}, or use all-at-once",
        )
        for region, rollout in stage.rollouts.items()
        if isinstance(rollout, Gradual)
    ]
    if stage.verify:
        closed.append(
            Blocker(
                "verify-not-built",
                f"verify of {stage.name} is not built yet, so it is closed: {stage.source}",
                _FIX,
            )
        )
    return tuple(closed)
