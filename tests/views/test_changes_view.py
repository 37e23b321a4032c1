"""Which services changed, and why."""

from release.core import canonical
from release.core.changes import Change
from release.views.changes import changes_json, changes_text
from tests.views.screens import shown, words

CHANGES = (
    Change("configs", (), "fingerprint, settings and template are the same"),
    Change("prices", ("code", "settings", "template"), "changed: its files, shared code or dependencies"),
    Change("old", ("removed",), "it is not in the tree any more; release neither deploys nor deletes it"),
)


def test_changed_services_are_shown_with_their_reason_and_the_others_counted() -> None:
    text = shown(changes_text(CHANGES, "what prod runs (v1.0.0)"))
    lines = text.splitlines()
    assert lines[0] == "against what prod runs (v1.0.0)"
    assert lines[1].split() == ["service", "change", "why"]
    assert "configs" not in text
    assert "code settings template" in text
    assert "release neither deploys nor deletes it" in words(text)
    assert lines[-1] == "2 changed, 1 unchanged"


def test_where_nothing_changed_there_is_no_table() -> None:
    assert shown(changes_text(CHANGES[:1], "main")).splitlines() == ["against main", "0 changed, 1 unchanged"]


def test_json_lists_what_is_to_deploy_apart_from_what_is_gone() -> None:
    data = changes_json(CHANGES, "main")
    canonical.dumps(data)
    assert data["changed"] == ["prices"]
    assert data["removed"] == ["old"]
    assert data["services"] == [
        {"service": change.service, "what": list(change.what), "why": change.why} for change in CHANGES
    ]
