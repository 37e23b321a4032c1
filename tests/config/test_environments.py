import pytest

from tests.config.texts import ENVIRONMENTS, FLEET, PIPELINES, pipeline_complaints, pipelines_with


def complaint(old: str, new: str) -> str:
    (only,) = pipeline_complaints(pipelines_with(ENVIRONMENTS, old, new))
    return only.removeprefix("pipelines/environments.yaml:")


def test_without_environments_nothing_can_run() -> None:
    (found,) = pipeline_complaints({FLEET: PIPELINES[FLEET]})
    assert found.startswith("pipelines/environments.yaml:1: /: the file is missing; ")


def test_without_a_pipeline_nothing_can_run() -> None:
    (found,) = pipeline_complaints({ENVIRONMENTS: PIPELINES[ENVIRONMENTS]})
    assert found.startswith(
        "pipelines/environments.yaml:1: /: there is no pipeline beside the environments; "
    )


def test_a_file_of_the_other_ending_is_not_silently_ignored() -> None:
    (found,) = pipeline_complaints({**PIPELINES, "pipelines/payments.yml": b"{}"})
    assert found == (
        "pipelines/payments.yml:1: /: only files that end in .yaml are read; rename it to payments.yaml"
    )


def test_an_unquoted_account_gets_the_advice_to_quote_it() -> None:
    assert complaint('"222222222222"', "012345678901") == (
        "6: environments/qa/account: must be a text, and is an integer: '012345678901'; quote it:"
        ' "012345678901"'
    )


@pytest.mark.parametrize(
    "account",
    ['"123"', '"1234567890123"', '"12345678901a"', '"' + chr(0x661) * 12 + '"', '"111111111111\\n"'],
)
def test_an_account_has_twelve_digits(account: str) -> None:
    assert complaint('"222222222222"', account).startswith("6: environments/qa/account: '")
    assert "is not an AWS account" in complaint('"222222222222"', account)


@pytest.mark.parametrize("region", ["us_east_1", "useast1", "us-east", "US-EAST-1", "us-east-1x", '""'])
def test_a_region_looks_like_a_region(region: str) -> None:
    found = complaint("us-west-2]", f"{region}]")
    assert found.startswith("8: environments/prod/regions/1: ")
    assert "is not a region; write it as AWS does, as in us-east-1" in found


@pytest.mark.parametrize(
    "region", ["us-gov-west-1", "cn-north-1", "eusc-de-east-1", "ap-southeast-7", "us-iso-east-1"]
)
def test_regions_of_every_partition_are_regions(region: str) -> None:
    texts = pipelines_with(ENVIRONMENTS, "us-west-2]", f"{region}]")
    found = pipeline_complaints(texts)  # the rollout still names us-west-2
    assert found and all(each.startswith("pipelines/fleet.yaml:2") for each in found)


def test_a_region_is_named_once() -> None:
    found = pipeline_complaints(pipelines_with(ENVIRONMENTS, "us-east-1, us-west-2", "us-east-1, us-east-1"))
    assert any("environments/prod/regions/1: 'us-east-1' is in the list twice" in each for each in found)


@pytest.mark.parametrize(
    ("regions", "what"),
    [
        ("[]", "is an empty list"),
        ("us-east-1", "must be a list, and is a text: 'us-east-1'"),
        ("{us-east-1: 1}", "must be a list, and is a mapping"),
        ("", "must be a list, and is empty"),
    ],
)
def test_regions_are_a_list(regions: str, what: str) -> None:
    found = complaint("regions: [us-east-1]", f"regions: {regions}")
    assert found.startswith(f"5: environments/dev/regions: {what}; ")


def test_a_missing_account_is_said_at_its_environment() -> None:
    assert (
        complaint('account: "111111111111", ', "")
        == "5: environments/dev/account: is missing; add `account:`"
    )


def test_an_unknown_key_gets_a_guess() -> None:
    assert complaint('dev:  {account: "111111111111"', 'dev:  {acount: 1, account: "111111111111"') == (
        "5: environments/dev/acount: the key 'acount' is not known;"
        " did you mean 'account'? (one of: account, regions, role, plan_role, boundary)"
    )


def test_a_role_is_an_arn_of_the_same_account() -> None:
    assert complaint("iam::444444444444", "iam::444444444445") == (
        "8: environments/prod/role: the role is of account 444444444445, and the account here is"
        " 444444444444;"
        " name a role of this account, or mend the account"
    )
    assert "8: environments/prod/role: 'release-deploy' is not the ARN of a role; " in complaint(
        "arn:aws:iam::444444444444:role/release-deploy", "release-deploy"
    )


def test_one_bucket_cannot_serve_two_regions() -> None:
    assert complaint("acme-artifacts-{region}", "acme-artifacts") == (
        "2: artifacts/bucket: 'acme-artifacts' is one bucket, and the environments have 2 regions;"
        " put {region} into it: Lambda takes code only from a bucket in its own region"
    )


@pytest.mark.parametrize(
    "bucket", ["Acme-{region}", "a.b-{region}", "{regoin}-{region}", "a" * 60 + "-{region}"]
)
def test_a_bucket_has_a_name_that_s3_takes(bucket: str) -> None:
    found = complaint("acme-artifacts-{region}", bucket)
    assert found.startswith("2: artifacts/bucket: '")
    assert "is not a bucket name" in found


@pytest.mark.parametrize("alias", ['"1"', "live!", '""', "a b"])
def test_an_alias_has_a_name_that_lambda_takes(alias: str) -> None:
    found = complaint("alias: live", f"alias: {alias}")
    assert found.startswith("3: alias: ")
    assert "is not an alias name" in found


def test_an_environment_has_a_name_that_stacks_can_bear() -> None:
    found = pipeline_complaints(pipelines_with(ENVIRONMENTS, "  dev:", "  Dev_1:"))
    assert found[0].startswith("pipelines/environments.yaml:5: environments/Dev_1: 'Dev_1' is not a name; ")
    assert found[1].startswith("pipelines/fleet.yaml:6: stages/0/name: there is no environment 'dev'; ")


def test_artifacts_lie_in_a_bucket_or_in_a_folder_not_in_both() -> None:
    found = pipeline_complaints(pipelines_with(ENVIRONMENTS, "artifacts: {", "artifacts: {folder: x, "))
    assert [each.split(": ")[1] for each in found] == ["artifacts/account", "artifacts/bucket"]


def test_a_boundary_is_the_name_of_a_policy() -> None:
    found = complaint("regions: [us-east-1]", "regions: [us-east-1], boundary: arn:aws:iam::1:policy/a")
    assert found.startswith("5: environments/dev/boundary: 'arn:aws:iam::1:policy/a' is not the name of a")
    assert "release infra bootstrap" in found
