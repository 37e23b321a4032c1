"""`release infra bootstrap`: an account in which nothing is gets what the first release needs, once."""

import json
from pathlib import Path
from typing import Any

import pytest

from release.adapters.cfn_lint import CfnLint
from release.adapters.template_reader import read_template
from release.core.doctor.trust import ISSUER
from tests.e2e.fleet import Fleet, World
from tests.e2e.processes import Ended
from tests.e2e.texts import LINE, PRIMARY, REPLICA, TEMPLATE
from tests.permissions.conftest import admin
from tests.permissions.roles import own

pytestmark = pytest.mark.xdist_group("roles")  # or each worker would start its sandbox
PROD, STORE = "100000000002", "100000000003"
ENVIRONMENTS = f"""\
artifacts:
  account: "{STORE}"
  bucket: "boot-artifacts-{{region}}"
  role: {own(STORE, ["build"])[0]}
  read_role: {own(STORE, ["read"])[0]}
alias: live
environments:
  dev:
    account: "{PROD}"
    regions: [us-east-1, us-west-2]
    role: {own(PROD, ["deploy"])[0]}
    plan_role: {own(PROD, ["plan"])[0]}
    boundary: release-boundary
"""
# As function.j2 makes it.
ROLE = """\
  {{ key | title }}Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "{{ function.name }}-${AWS::Region}"
      PermissionsBoundary: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/{{ boundary }}"
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
  {{ key | title }}Function:
"""
FUNCTION = "  {{ key | title }}Function:\n"
GIVEN = '!Sub "arn:aws:iam::${AWS::AccountId}:role/function"'
BOUND = TEMPLATE.replace(FUNCTION, ROLE).replace(GIVEN, "!GetAtt {{ key | title }}Role.Arn")


class Bare:
    """A repository whose accounts are empty."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.world: World = fleet.world({"dev": LINE["dev"]})
        files = {f"services/{name}/template.yaml.j2": BOUND for name in self.world.services}
        files["pipelines/environments.yaml"] = ENVIRONMENTS
        self.world.merge("chore: accounts and roles of our own", files)

    def bootstrap(self, account: str, *words: str, ends: int = 0) -> Ended:
        environment = {"AWS_ACCESS_KEY_ID": account}
        words = ("infra", "bootstrap", *words, "--repository", "acme/fleet")
        ended = self.world.start(*words, **environment).wait()
        assert ended.code == ends, str(ended)
        return ended


@pytest.fixture(scope="module")
def bare(fleet: Fleet) -> Bare:
    made = Bare(fleet)
    people = f"People=arn:aws:iam::{PROD}:root"
    made.bootstrap(STORE, "artifacts", "--yes", "--set", people)
    made.bootstrap(PROD, "dev", "--yes", "--set", "AlertEmail=team@acme.example", "--set", people)
    return made


@pytest.mark.parametrize(("account", "name"), [(PROD, "dev"), (STORE, "artifacts")])
def test_a_second_time_there_is_nothing_to_do_and_settings_stay(bare: Bare, account: str, name: str) -> None:
    stacks = bare.bootstrap(account, name, "--check", "--json").json["stacks"]

    assert [(one["region"], one["todo"]) for one in stacks] in (
        [(PRIMARY, "nothing"), (REPLICA, "nothing")],
        [(REPLICA, "nothing"), (PRIMARY, "nothing")],
    )
    assert name == "artifacts" or {one["settings"]["AlertEmail"] for one in stacks} == {"team@acme.example"}


def test_a_new_setting_is_an_update_that_check_refuses_to_pass_over(bare: Bare) -> None:
    ended = bare.bootstrap(PROD, "dev", "--check", "--set", "MonthlyBudget=500", ends=3)

    assert "release-platform" in ended.out and "update" in ended.out


def test_roles_trust_the_jobs_of_their_environment_and_of_the_workflow_alone(bare: Bare) -> None:
    for name, job in (("release-deploy", "dev"), ("release-plan", "dev-plan")):
        trust = admin(bare.fleet, "iam", PROD).get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        (statement,) = [one for one in trust["Statement"] if "Federated" in one["Principal"]]
        assert statement["Principal"]["Federated"] == f"arn:aws:iam::{PROD}:oidc-provider/{ISSUER}"
        assert statement["Condition"]["StringLike"] == {
            f"{ISSUER}:sub": [
                f"repo:acme/fleet:environment:{job}",
                f"repo:acme@*/fleet@*:environment:{job}",
            ],
            f"{ISSUER}:job_workflow_ref": "acme/fleet/.github/workflows/_release.yml@*",
        }


def test_buckets_are_versioned_and_shut(bare: Bare) -> None:
    for region in (PRIMARY, REPLICA):
        s3, bucket = admin(bare.fleet, "s3", STORE, region), f"boot-artifacts-{region}"
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        by_sid = {one["Sid"]: one for one in policy["Statement"]}
        assert by_sid["OverTlsOnly"]["Effect"] == "Deny"
        assert by_sid["StagesRead"]["Condition"]["ArnEquals"]["aws:PrincipalArn"] == own(PROD, ["deploy"])


def test_the_roles_that_were_made_take_a_service_into_the_new_account(bare: Bare) -> None:
    # The sandbox speaks http, which the bucket's policy refuses, and its Lambda reads code as the account and
    # not as the role.
    for region in (PRIMARY, REPLICA):
        s3, bucket = admin(bare.fleet, "s3", STORE, region), f"boot-artifacts-{region}"
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        (reading,) = [one for one in policy["Statement"] if one["Sid"] == "StagesRead"]
        del reading["Condition"]
        policy["Statement"] = [reading]
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    plan = str(bare.world.folder / "plan.json")
    for access, words in (
        ("build", ("build",)),
        ("plan", ("plan", "deploy", "dev", "--out", plan)),
        ("deploy", ("apply", plan, "--yes")),
    ):
        ended = bare.world.start(*words, RELEASE_ACCESS=access, AWS_ACCESS_KEY_ID=PROD).wait()
        assert ended.code == 0, str(ended)
    functions = admin(bare.fleet, "lambda", PROD, REPLICA)
    assert functions.get_alias(FunctionName="orders-dev", Name="live")["FunctionVersion"] == "1"
    role = admin(bare.fleet, "iam", PROD).get_role(RoleName=f"orders-dev-{REPLICA}")["Role"]
    boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert boundary == f"arn:aws:iam::{PROD}:policy/release-boundary"


def test_what_the_deploy_role_may_do_to_stacks_hangs_on_it_and_asks_for_the_boundary(bare: Bare) -> None:
    iam = admin(bare.fleet, "iam", PROD)
    (attached,) = iam.list_attached_role_policies(RoleName="release-deploy")["AttachedPolicies"]
    document = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId="v1")["PolicyVersion"][
        "Document"
    ]
    making = [one for one in document["Statement"] if "iam:CreateRole" in one["Action"]]

    assert attached["PolicyName"] == "release-deploy-stacks-1"
    boundary = f"arn:aws:iam::{PROD}:policy/release-boundary"
    assert [one["Condition"]["StringEquals"] for one in making] == [{"iam:PermissionsBoundary": boundary}]
    assert iam.list_attached_role_policies(RoleName="release-plan")["AttachedPolicies"] == []


def test_keys_rotate(bare: Bare) -> None:
    for account, alias in ((PROD, "alias/release-platform"), (STORE, "alias/release-artifacts")):
        kms = admin(bare.fleet, "kms", account)
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
        assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


@pytest.mark.parametrize(
    ("account", "words", "says"),
    [
        (STORE, ("dev",), f"the credentials are of account {STORE}, and this is about {PROD}"),
        (PROD, ("devv",), "there is no environment devv"),
        (PROD, ("dev", "--set", "Budget=1"), "there is no setting Budget"),
        (PROD, ("dev", "--set", "Budget"), "is no NAME=VALUE"),
        (PROD, ("dev", "--check", "--out", "x"), "exclude each other"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_be_is_said_with_a_way_out(
    bare: Bare, account: str, words: tuple[str, ...], says: str
) -> None:
    ended = bare.bootstrap(account, *words, ends=2)

    assert says in ended.err and "fix:" in ended.err


# Rules for services that a platform cannot keep: its tags are those of the stack, its names stand in the
# configuration and once in an account, and comments say why a resource stays open.
NOT_FOR_PLATFORMS = {"R0401", "R0403", "R0602"}


def test_the_templates_pass_cfn_lint_and_lock_and_encrypt_what_they_keep(bare: Bare, tmp_path: Path) -> None:
    for account, name in ((PROD, "dev"), (STORE, "artifacts")):
        bare.bootstrap(account, name, "--out", str(tmp_path))
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    lint = CfnLint()
    found = [(name, one.rule) for name, text in texts.items() for one in lint(text, [PRIMARY, REPLICA])]

    assert len(texts) == 4
    assert [one for one in found if one[1] not in NOT_FOR_PLATFORMS] == []
    for region in (PRIMARY, REPLICA):
        text = texts[f"release-artifacts.{region}.yaml"]
        bucket: Any = read_template(text, "artifacts")["Resources"]
        kept = bucket["Bucket"]["Properties"]
        assert kept["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Mode"] == "GOVERNANCE"
        (rule,) = kept["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": "Key.Arn"}
