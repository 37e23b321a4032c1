"""What a release consists of, as bytes and back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core import canonical
from release.core.manifest import FunctionSettings, Manifest, ServiceEntry, StageDocuments, StageSettings
from release.core.models import Migration

words = st.text(max_size=10)
entries = st.builds(
    ServiceEntry,
    artifact=words,
    content=words,
    fingerprint=words,
    size=st.integers(0),
    runtime=words,
    architecture=words,
    target=words,
    stages=st.dictionaries(words, st.builds(StageDocuments, template=words, settings=words), max_size=3),
)
manifests = st.builds(
    Manifest,
    pipeline=words,
    commit=words,
    builder=words,
    services=st.dictionaries(words, entries, max_size=3),
)
json_objects = st.dictionaries(words, st.none() | st.booleans() | st.integers() | words, max_size=3)
documents = st.builds(
    StageSettings,
    service=words,
    stage=words,
    stack=words,
    functions=st.lists(
        st.builds(FunctionSettings, key=words, name=words, handler=words),
        unique_by=lambda function: function.key,
        max_size=3,
    ).map(lambda items: tuple(sorted(items, key=lambda function: function.key))),
    values=json_objects,
    smoke_payload=json_objects,
    smoke_timeout=st.integers(1, 900),
    smoke_critical=st.lists(words, max_size=2).map(tuple),
    smoke_expect=json_objects,
    migration=st.none()
    | st.builds(
        Migration,
        function=st.none() | words,
        payload=json_objects,
        command=st.lists(words, max_size=2).map(tuple),
        timeout=st.integers(1, 900),
        everywhere=st.booleans(),
        destructive=st.booleans(),
    ),
    freezes=st.booleans(),
)


@given(manifests)
def test_a_manifest_is_what_its_bytes_say(manifest: Manifest) -> None:
    read = Manifest.from_json(json.loads(manifest.to_bytes()))
    assert read == manifest
    assert read.digest == manifest.digest == canonical.sha256(manifest.to_bytes())


@given(documents)
def test_a_settings_document_is_what_its_bytes_say(settings: StageSettings) -> None:
    assert StageSettings.from_json(json.loads(settings.to_bytes())) == settings


ENTRY = ServiceEntry("a", "c", "f", 1, "python3.13", "arm64", "lambda", {"prod": StageDocuments("t", "s")})
MANIFEST = Manifest("fleet", "1" * 40, "lambda-release 0.1.0", {"prices": ENTRY, "configs": ENTRY})
SETTINGS = StageSettings("prices", "prod", "prices-prod", (), {}, {"health_check": True}, 10, (), {})


def test_services_are_read_in_the_order_of_their_names() -> None:
    assert list(Manifest.from_json(json.loads(MANIFEST.to_bytes())).services) == ["configs", "prices"]


@pytest.mark.parametrize(
    "other",
    [
        replace(MANIFEST, commit="2" * 40),
        replace(MANIFEST, pipeline="payments"),
        replace(MANIFEST, builder="lambda-release 0.2.0"),
        replace(MANIFEST, services={"prices": ENTRY}),
        replace(MANIFEST, services=dict(MANIFEST.services) | {"prices": replace(ENTRY, artifact="b")}),
    ],
)
def test_the_digest_tells_two_releases_apart(other: Manifest) -> None:
    assert other.digest != MANIFEST.digest


@pytest.mark.parametrize("data", [None, [], "x", {}, {"schema": 1}, {"services": []}])
def test_what_is_no_manifest_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not a manifest"):
        Manifest.from_json(data)


@pytest.mark.parametrize(
    "change", [{"services": []}, {"services": {"prices": {}}}, {"services": {"prices": None}}]
)
def test_a_manifest_with_a_broken_service_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a manifest"):
        Manifest.from_json(json.loads(MANIFEST.to_bytes()) | change)


def test_a_manifest_of_another_schema_is_refused_by_its_number() -> None:
    with pytest.raises(ValueError, match="manifest schema 2 is not 1"):
        Manifest.from_json(json.loads(MANIFEST.to_bytes()) | {"schema": 2})


@pytest.mark.parametrize("data", [None, [], {}, {"smoke": {}}, {"smoke": []}])
def test_what_is_no_settings_document_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not a settings document"):
        StageSettings.from_json(data)


def test_a_settings_document_with_broken_functions_is_refused() -> None:
    data = json.loads(SETTINGS.to_bytes())
    with pytest.raises(ValueError, match="not a settings document"):
        StageSettings.from_json(data | {"functions": ["api"]})
