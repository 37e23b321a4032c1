"""`migrations:` of a service, run as a rollout runs them, but from the work tree."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, assert_never

from release.build.documents import settings_document
from release.build.process import run
from release.core import smoke
from release.core.models import Migration
from release.errors import GateClosed, Misconfigured, Unavailable
from release.local.cloud import Cloud
from release.local.fleet import WorkTree

_MEND: Final = "mend it and run `release local up` again; `release local logs` says more"
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR")


def migrate(
    tree: WorkTree, name: str, cloud: Cloud, environ: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Raises GateClosed when it says no, Unavailable when its time is up, Misconfigured when it cannot be
    started.
    """
    migration = tree.services[name].migration
    if migration is None:
        return
    if migration.function is not None:
        say(f"migration of {name}: function {migration.function}")
        _invoke(tree, name, migration, cloud)
    else:
        say(f"migration of {name}: {' '.join(migration.command)}")
        _run(tree, name, migration, environ)


def _invoke(tree: WorkTree, name: str, migration: Migration, cloud: Cloud) -> None:
    stage = tree.stage.name
    service = tree.services[name]
    function = next(one.name(stage) for one in service.functions if one.key == migration.function)
    document = replace(settings_document(service, stage), smoke_payload=dict(migration.payload))
    answer = cloud.invoke(function, tree.alias, smoke.payload(document))
    judged = smoke.judge(
        answer,
        replace(document, smoke_critical=(), smoke_expect={}),
        lambda_version=answer.executed_version or "",
    )
    match judged:
        case smoke.Passed():
            return
        case smoke.Failed(reason=reason, detail=detail):
            raise GateClosed(f"the migration of {name} said no: {reason}: {detail}".rstrip(": "), fix=_MEND)
        case smoke.Errored(reason=reason):
            raise Unavailable(f"the migration of {name} gave no answer: {reason}", fix=_MEND)
        case other:
            assert_never(other)


def _run(tree: WorkTree, name: str, migration: Migration, environ: Mapping[str, str]) -> None:
    environment = {
        **{one: os.environ[one] for one in _KEPT if one in os.environ},
        **{one: value for one, value in environ.items() if one.startswith("AWS_")},
        **tree.settings(name).environment,
        "RELEASE_STAGE": tree.stage.name,
        "RELEASE_PIPELINE": tree.pipeline.name,
        "RELEASE_COMMIT": "",
        "RELEASE_TAG": "",
        "RELEASE_SERVICE": name,
        "RELEASE_REGIONS": tree.place.region,
    }
    try:
        ended = run(
            migration.command, folder=tree.folder(name), environment=environment, seconds=migration.timeout
        )
    except OSError as error:
        raise Misconfigured(
            f"the migration of {name} cannot be started: {migration.command[0]}: {error.strerror}",
            fix="install it here, or name a file of the repository that is executable",
        ) from error
    if ended.code is None:
        raise Unavailable(
            f"the migration of {name} did not end in {migration.timeout} s and was stopped",
            fix=_MEND,
            details=ended.tail(tree.top),
        )
    if ended.code:
        raise GateClosed(
            f"the migration of {name} said no: exit code {ended.code}",
            fix=_MEND,
            details=ended.tail(tree.top),
        )
