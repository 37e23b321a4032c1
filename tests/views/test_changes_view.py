"""Which services changed, and why."""

from dataclasses import replace

from release.core import canonical
from release.core.changes import Change, Changes
from release.views.changes import changes_text, explained_text
from release.views.changes_json import changes_json
from tests.views.screens import shown, words

SERVICES = (
    Change("configs", (), "fingerprint, settings and template are the same"),
    Change("prices", ("code", "settings", "template"), "changed: its files, shared code or dependencies"),
    Change("old", ("removed",), "it is not in the pipeline any more; release neither deploys nor deletes it"),
)
CHANGES = Changes("what prod runs", SERVICES)


def test_changed_services_are_shown_with_their_reason_and_the_others_counted() -> None:
    text = shown(changes_text(CHANGES))
    lines = text.splitlines()
    assert lines[0] == "against what prod runs"
    assert lines[1].split() == ["service", "change", "why"]
    assert "configs" not in text
    assert "code settings template" in text
    assert "release neither deploys nor deletes it" in words(text)
    assert lines[-1] == "2 changed, 1 unchanged"


def test_where_nothing_changed_there_is_no_table() -> None:
    quiet = Changes("main", SERVICES[:1])
    assert shown(changes_text(quiet)).splitlines() == ["against main", "0 changed, 1 unchanged"]


def test_why_all_count_as_changed_is_said_before_them() -> None:
    text = shown(changes_text(replace(CHANGES, unknown="the ledger cannot be read: it is gone")))
    assert text.splitlines()[1] == "all count as changed: the ledger cannot be read: it is gone"


def test_what_cannot_be_built_is_named() -> None:
    noted = replace(CHANGES, notes=("services/common/log.py:3: cannot be parsed: invalid syntax",))
    assert "cannot be built: services/common/log.py:3: cannot be parsed: invalid syntax" in words(
        shown(changes_text(noted))
    )


def test_one_service_is_explained_line_by_line() -> None:
    asked = replace(CHANGES, because=("fingerprint a → b", "services/prices/x.py 1 → 2"))
    assert shown(explained_text(asked, "prices")).splitlines() == [
        "prices: changed: its files, shared code or dependencies",
        "  fingerprint a → b",
        "  services/prices/x.py 1 → 2",
    ]


def test_json_lists_what_is_to_deploy_apart_from_what_is_gone() -> None:
    data = changes_json(replace(CHANGES, unknown="why", notes=("n",)))
    canonical.dumps(data)
    assert data["changed"] == ["prices"]
    assert (data["removed"], data["unchanged"]) == (["old"], ["configs"])
    assert data["unknown"] == "why" and data["notes"] == ["n"]
    assert data["services"] == [
        {"service": change.service, "what": list(change.what), "why": change.why} for change in SERVICES[1:]
    ]


def test_json_of_one_service_has_its_reasons() -> None:
    data = changes_json(replace(CHANGES, because=("a", "b")), "prices")
    assert (data["changed"], data["removed"], data["because"]) == (["prices"], [], ["a", "b"])
