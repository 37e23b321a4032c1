"""What a service runs before traffic moves, and whether it goes back by itself afterwards."""

import json

import pytest

from release.build.documents import settings_document
from release.config import load_services
from release.core.manifest import StageSettings
from release.core.models import Migration, Service
from tests.config.texts import SERVICE, SERVICES, STAGES, service_complaints


def texts(more: str) -> dict[str, bytes]:
    return {SERVICE: SERVICES[SERVICE] + more.encode() + b"\n"}


def loaded(more: str) -> Service:
    return load_services(texts(more), STAGES)["price-fetcher"]


def complaint(more: str) -> str:
    (only,) = service_complaints(texts(more))
    return only.removeprefix(f"{SERVICE}:14: ")


def test_without_a_word_nothing_runs_and_aliases_go_back() -> None:
    service = loaded("")
    assert (service.migration, service.freezes) == (None, False)


def test_a_migration_is_a_function_of_the_service_or_a_command() -> None:
    function = (
        "migrations: {function: api, payload: {up: head}, timeout: 15m, regions: all, destructive: true}"
    )
    assert loaded(function).migration == Migration(
        function="api", payload={"up": "head"}, timeout=900, everywhere=True, destructive=True
    )
    text = loaded('migrations: {command: "alembic upgrade head", timeout: 10m}').migration
    assert text == Migration(command=("alembic", "upgrade", "head"), timeout=600)
    assert loaded("migrations: {command: [alembic, upgrade, head], timeout: 10m}").migration == text


def test_a_service_may_say_that_a_failure_leaves_it_where_it_is() -> None:
    assert loaded("no_auto_rollback: freeze").freezes


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (
            "migrations: {function: apy}",
            "migrations/function: there is no function 'apy'; did you mean 'api'?",
        ),
        ("migrations: {timeout: 1m}", "migrations: names nothing to run"),
        ("migrations: {function: api, command: a}", "migrations: names both a function and a command"),
        (
            "migrations: {command: a, payload: {}}",
            "migrations/payload: goes to a function, and none is named",
        ),
        ("migrations: {function: api, timeout: 16m}", "migrations/timeout: must be longer than nothing"),
        ("migrations: {command: a, timeout: 61m}", "migrations/timeout: must be longer than nothing"),
        (
            "migrations: {command: a, regions: some}",
            "migrations/regions: 'some' is not where a migration runs",
        ),
        ("migrations: {command: a, destructive: 1}", "migrations/destructive: must be true or false"),
        ("migrations: {function: api, payload: {a: 1.5}}", "migrations/payload/a: '1.5' is a number with a"),
        ("migrations: {command: []}", "migrations/command: is an empty list"),
        ("migrations: {command: 'a | b'}", "migrations/command: 'a | b' is meant for a shell"),
        ("no_auto_rollback: true", "no_auto_rollback: must be a text, and is a boolean"),
        ("no_auto_rollback: fre", "no_auto_rollback: 'fre' is not a way not to go back"),
    ],
)
def test_what_would_not_run_is_said_at_its_place(more: str, what: str) -> None:
    assert complaint(more).startswith(what)


def test_a_misspelt_functions_key_is_not_called_unknown_in_the_migration_too() -> None:
    (only,) = service_complaints(
        {SERVICE: SERVICES[SERVICE].replace(b"functions:", b"functoins:") + b"migrations: {function: api}\n"}
    )[:1]
    assert "functions: is missing" in only


def test_what_runs_is_frozen_into_the_settings_document_of_every_stage() -> None:
    service = loaded("migrations: {function: api, payload: {up: head}}\nno_auto_rollback: freeze")
    document = settings_document(service, "prod")
    assert (document.migration, document.freezes) == (service.migration, True)
    assert StageSettings.from_json(json.loads(document.to_bytes())) == document


def test_a_document_without_hooks_is_the_same_bytes_as_before_there_were_any() -> None:
    said = json.loads(settings_document(loaded(""), "prod").to_bytes())
    assert said.keys() == {"service", "stage", "stack", "functions", "values", "smoke"}
