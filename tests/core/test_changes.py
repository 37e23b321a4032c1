"""What changed between two views of a fleet; what is not known counts as changed."""

from dataclasses import replace

from release.core.changes import Change, Changes, ServiceView, compare, shards, view
from release.core.manifest import Manifest, ServiceEntry, StageDocuments


def service(fingerprint: str = "f", **stages: str) -> ServiceView:
    """Stages as `prod="template/settings"`."""
    pairs = {name: text.split("/") for name, text in (stages or {"prod": "t/s"}).items()}
    return ServiceView(fingerprint, {name: StageDocuments(t, s) for name, (t, s) in pairs.items()})


def changed(old: ServiceView, new: ServiceView, stage: str | None = "prod") -> Change:
    (found,) = compare({"prices": old}, {"prices": new}, stage=stage)
    return found


def test_equal_views_are_unchanged_and_say_what_was_compared() -> None:
    found = changed(service(), service())
    assert found == Change("prices", (), "fingerprint, settings and template are the same")


def test_each_kind_of_change_is_named_with_its_reason() -> None:
    assert changed(service(), service("g")).what == ("code",)
    assert changed(service(), service(prod="t/x")) == Change("prices", ("settings",), "changed: its settings")
    assert changed(service(), service(prod="x/s")) == Change("prices", ("template",), "changed: its template")
    assert changed(service(), service("g", prod="x/x")) == Change(
        "prices",
        ("code", "settings", "template"),
        "changed: its files, shared code or dependencies, its settings, its template",
    )


def test_settings_of_another_stage_count_only_where_no_stage_is_asked_for() -> None:
    old, new = service(prod="t/s", uat="t/s"), service(prod="t/s", uat="t/x")
    assert changed(old, new).what == ()
    assert changed(old, new, "uat").what == ("settings",)
    assert changed(old, new, None).what == ("settings",)


def test_a_stage_that_is_new_to_a_service_is_a_change() -> None:
    assert changed(service(uat="t/s"), service(uat="t/s", prod="t/s")).what == ("settings", "template")
    assert changed(service(uat="t/s"), service(uat="t/s", prod="t/s"), None).what == ("settings", "template")
    assert changed(service(uat="t/s", prod="t/s"), service(uat="t/s"), None).what == ("settings", "template")


def test_services_come_and_go_by_name() -> None:
    found = compare({"old": service(), "same": service()}, {"new": service(), "same": service()}, stage=None)
    assert [(change.service, change.what) for change in found] == [
        ("new", ("new",)),
        ("old", ("removed",)),
        ("same", ()),
    ]


def test_an_unknown_base_changes_all_for_the_reason_given() -> None:
    found = compare(None, {"b": service(), "a": service()}, stage="prod", unknown="prod has run nothing yet")
    assert found == tuple(Change(name, ("unknown",), "prod has run nothing yet") for name in ("a", "b"))


def test_a_manifest_is_a_view() -> None:
    documents = {"prod": StageDocuments("t", "s")}
    entry = ServiceEntry("a", "c", "f", 1, "python3.13", "arm64", "lambda", documents)
    manifest = Manifest("fleet", "1" * 40, "tool", {"prices": entry})
    assert view(manifest) == {"prices": service()}
    rebuilt = replace(manifest, services={"prices": replace(entry, artifact="b", content="d")})
    assert view(rebuilt) == view(manifest)


def test_a_service_that_cannot_be_read_is_never_the_same_as_before() -> None:
    assert changed(service(""), service("")).what == ("code",)


def test_services_are_dealt_out_evenly_and_none_is_lost() -> None:
    names = tuple(f"s{number}" for number in range(10))
    for at_most in (1, 3, 10, 256):
        dealt = shards(names, at_most)
        assert sorted(name for shard in dealt for name in shard) == sorted(names)
        assert len(dealt) == min(at_most, 10)
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    assert shards((), 5) == ()


def test_what_is_removed_is_never_to_be_built() -> None:
    found = Changes("main", compare({"old": service()}, {"new": service()}, stage=None))
    assert found.to_build == ("new",)
