"""What guards an update, and what publishing freezes."""

import pytest

from tests.contract.planes import (
    NAME,
    Plane,
    code_sha256,
    create,
    published,
    refused,
    settled,
    shown,
    zipped,
)
from tests.contract.sources import source

STALE = (412, "PreconditionFailedException")
INVALID = (400, "InvalidParameterValueException")
PUBLISH = "lambda/latest/api/API_PublishVersion.html"
UPDATE = "lambda/latest/api/API_UpdateFunctionCode.html"


@source("lambda/latest/api/API_FunctionConfiguration.html")
def test_code_sha256_is_the_digest_of_the_zip(plane: Plane) -> None:
    create(plane)
    answer = plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    assert answer["CodeSha256"] == code_sha256(zipped(1))
    assert settled(plane)["CodeSha256"] == code_sha256(zipped(1))


@source(UPDATE)
@pytest.mark.parametrize("call", ["code", "configuration", "publish"])
def test_a_stale_revision_changes_nothing(plane: Plane, call: str) -> None:
    stale = create(plane)["RevisionId"]
    plane.functions.update_function_configuration(FunctionName=NAME, MemorySize=256)
    before = settled(plane)
    functions = plane.functions
    method, wanted = {
        "code": (functions.update_function_code, {"ZipFile": zipped(1)}),
        "configuration": (functions.update_function_configuration, {"MemorySize": 512}),
        "publish": (functions.publish_version, {}),
    }[call]
    assert refused(method, FunctionName=NAME, RevisionId=stale, **wanted) == STALE
    assert shown(plane) == before
    assert len(functions.list_versions_by_function(FunctionName=NAME)["Versions"]) == 1


@source(UPDATE)
def test_every_update_gives_a_new_revision(plane: Plane) -> None:
    seen = {create(plane)["RevisionId"]}
    plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    seen.add(settled(plane)["RevisionId"])
    plane.functions.update_function_configuration(FunctionName=NAME, MemorySize=256)
    seen.add(settled(plane)["RevisionId"])
    assert len(seen) == 3


# Reported by users of terraform and serverless, not documented: hashicorp/terraform-provider-aws among them.
@source("lambda/latest/api/API_GetFunction.html")
def test_the_revision_that_an_update_answers_goes_stale_when_it_settles(plane: Plane) -> None:
    create(plane)
    answered = plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))["RevisionId"]
    assert settled(plane)["RevisionId"] != answered
    assert refused(plane.functions.publish_version, FunctionName=NAME, RevisionId=answered) == STALE


@source(PUBLISH)
def test_a_version_is_published_only_of_the_code_that_was_asked_for(plane: Plane) -> None:
    create(plane, 1)
    publish = plane.functions.publish_version
    assert refused(publish, FunctionName=NAME, CodeSha256=code_sha256(zipped(2))) == INVALID
    assert publish(FunctionName=NAME, CodeSha256=code_sha256(zipped(1)))["Version"] == "1"


@source(PUBLISH)
def test_publishing_twice_without_a_change_gives_one_version(plane: Plane) -> None:
    create(plane)
    first = plane.functions.publish_version(FunctionName=NAME)["Version"]
    settled(plane, first)
    again = plane.functions.publish_version(FunctionName=NAME)
    assert first == again["Version"] == "1"
    assert shown(plane, "1")["State"] == "Active"  # it goes on serving
    assert len(plane.functions.list_versions_by_function(FunctionName=NAME)["Versions"]) == 2


# Reported by users: https://github.com/hashicorp/terraform-provider-aws/issues/17610 and others.
@source("lambda/latest/dg/configuration-versions.html")
@pytest.mark.parametrize("update", ["the same code", "the configuration"])
def test_publishing_after_any_update_gives_a_new_version(plane: Plane, update: str) -> None:
    create(plane, 1)
    plane.functions.publish_version(FunctionName=NAME)
    if update == "the same code":
        plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    else:
        plane.functions.update_function_configuration(FunctionName=NAME, MemorySize=256)
    settled(plane)
    assert plane.functions.publish_version(FunctionName=NAME)["Version"] == "2"


@source(UPDATE)
def test_an_update_that_publishes_answers_the_new_version(plane: Plane) -> None:
    create(plane)
    answer = plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1), Publish=True)
    assert (answer["Version"], answer["CodeSha256"]) == ("1", code_sha256(zipped(1)))
    assert answer["FunctionArn"].endswith(f":{NAME}:1")
    settled(plane)
    assert settled(plane, "1")["CodeSha256"] == code_sha256(zipped(1))


@source("lambda/latest/dg/configuration-versions.html")
def test_a_version_keeps_the_code_and_the_settings_that_it_was_published_with(plane: Plane) -> None:
    create(plane)
    version = published(plane, 1)
    plane.functions.update_function_configuration(FunctionName=NAME, MemorySize=512)
    settled(plane)
    published(plane, 2)
    frozen = shown(plane, version)
    assert (frozen["CodeSha256"], frozen["MemorySize"]) == (code_sha256(zipped(1)), 128)
    assert shown(plane)["MemorySize"] == 512


@source("lambda/latest/api/API_GetFunction.html")
def test_a_function_is_read_by_version_and_by_alias(plane: Plane) -> None:
    create(plane)
    version = published(plane, 1)
    published(plane, 2)
    plane.functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion=version)
    by_alias = shown(plane, "live")
    assert (by_alias["Version"], by_alias["CodeSha256"]) == (version, code_sha256(zipped(1)))
    assert by_alias["FunctionArn"].endswith(f":{NAME}:live")
    assert shown(plane)["CodeSha256"] == code_sha256(zipped(2))


@source(PUBLISH)
def test_a_version_says_its_number_and_description(plane: Plane) -> None:
    create(plane)
    answer = plane.functions.publish_version(FunctionName=NAME, Description="v1.0.0 by ada")
    assert (answer["Version"], answer["Description"]) == ("1", "v1.0.0 by ada")
    assert answer["FunctionArn"].endswith(f":{NAME}:1")
    assert shown(plane)["FunctionArn"].endswith(f":{NAME}")


@source("lambda/latest/dg/configuration-versions.html")
def test_the_number_of_a_deleted_version_is_not_given_again(plane: Plane) -> None:
    create(plane)
    last = published(plane, 1)
    plane.functions.delete_function(FunctionName=NAME, Qualifier=last)
    assert published(plane, 2) == str(int(last) + 1)


@source(UPDATE)
def test_a_dry_run_answers_the_digest_and_changes_nothing(plane: Plane) -> None:
    before = create(plane)
    answer = plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1), DryRun=True)
    assert answer["CodeSha256"] == code_sha256(zipped(1))
    assert shown(plane) == before


@source("lambda/latest/api/API_ListVersionsByFunction.html")
def test_versions_come_in_pages(plane: Plane) -> None:
    create(plane)
    for release in range(3):
        published(plane, release)
    assert pages(plane.functions.list_versions_by_function, "Versions", FunctionName=NAME) == [
        ["$LATEST"],
        ["1"],
        ["2"],
        ["3"],
    ]


@source("lambda/latest/api/API_ListAliases.html")
def test_aliases_come_in_pages(plane: Plane) -> None:
    create(plane)
    for alias in ("a", "b"):
        plane.functions.create_alias(FunctionName=NAME, Name=alias, FunctionVersion="$LATEST")
    found = pages(plane.functions.list_aliases, "Aliases", "Name", FunctionName=NAME)
    assert found == [["a"], ["b"]]


@source("lambda/latest/api/API_ListFunctions.html")
def test_functions_come_in_pages_of_fifty(plane: Plane) -> None:
    for number in range(51):
        create(plane, name=f"f{number:02}")
    first = plane.functions.list_functions()
    rest = plane.functions.list_functions(Marker=first["NextMarker"])
    assert (len(first["Functions"]), len(rest["Functions"])) == (50, 1)
    assert not rest.get("NextMarker")


def pages(call: object, items: str, key: str = "Version", **wanted: str) -> list[list[str]]:
    """What a list gives in pages of one, to the end."""
    assert callable(call)
    found: list[list[str]] = []
    more: dict[str, str] = {}
    while True:
        answer = call(**wanted, **more, MaxItems=1)
        found.append([item[key] for item in answer[items]])
        if not answer.get("NextMarker"):
            return found
        more = {"Marker": answer["NextMarker"]}
