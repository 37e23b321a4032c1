"""What runs before and after traffic moves: which of it is in a plan, and what a person must know of it."""

from collections.abc import Mapping, Sequence

from release.core.actions import Migrate, PrepareVersion, Verify
from release.core.blockers import Blocker
from release.core.manifest import StageSettings
from release.core.models import Place, Verification
from release.core.plan import Change, Phase, Step
from release.core.snapshot import Observed


def migrations(
    service: str,
    settings: StageSettings,
    observed: Observed,
    steps: Sequence[Step],
    *,
    is_new: bool = False,
) -> tuple[Step, ...]:
    """What has to run before a service serves: where it is to run and something of it changes.

    `steps` are those of the service, or more. `is_new`: its settings are not those of what serves; the
    migration may be another one for the same code. Where else the first place serves the release already, the
    migration ran when it came to serve.
    """
    migration = settings.migration
    if migration is None:
        return ()
    names = {function.key: function.name for function in settings.functions}
    name = names[migration.function] if migration.function is not None else None
    prepared = [step.action for step in steps if isinstance(step.action, PrepareVersion)]
    changing = {one.place for one in prepared if one.service == service}
    new = {one.place for one in prepared if one.function == name}
    live = {
        copy.place: copy.alias.lambda_version
        for copy in observed.functions
        if copy.alias is not None and copy.name == name
    }
    places = list(dict.fromkeys(copy.place for copy in observed.functions))
    timeout = migration.timeout
    if name is not None:  # it runs until its own time is up, whether we wait or not
        timeout = max(timeout, int(settings.values.get("timeout", 0)))
    return tuple(
        Step(
            Phase.MIGRATE,
            Migrate(
                service,
                place,
                name,
                migration.command,
                timeout,
                migration.destructive,
                lambda_version=None if place in new else live.get(place),
            ),
        )
        for place in (places if migration.everywhere else places[:1])
        if place in changing or is_new
    )


def verifications(verify: Sequence[Verification], places: Sequence[Place]) -> tuple[Step, ...]:
    """What looks at a stage once everything serves there."""
    return tuple(Step(Phase.VERIFY, Verify(places[0], one.command, one.timeout)) for one in verify)


def unapproved(steps: Sequence[Step], reason: str | None) -> tuple[Blocker, ...]:
    """Migrations that take away what cannot be had again. `reason`: why they may; None: nobody said so."""
    if reason is not None:
        return ()
    found = [step.action for step in steps if isinstance(step.action, Migrate)]
    return tuple(
        Blocker(
            "destructive-migration",
            f"the migration of {service} is destructive: what it takes away, no rollback brings back",
            "have a backup, then say why it may run: --approve-destructive REASON",
        )
        for service in dict.fromkeys(one.service for one in found if one.destructive)
    )


def irreversible(settings: Mapping[str, StageSettings], changes: Sequence[Change]) -> tuple[str, ...]:
    """Warnings: what a failure would leave where it is. `settings`: by service."""
    changing = dict.fromkeys(change.served.service for change in changes if change.changes)
    return tuple(
        f"{service} will not be rolled back automatically: after a failure its aliases stay where they are"
        for service in changing
        if settings[service].freezes
    )
