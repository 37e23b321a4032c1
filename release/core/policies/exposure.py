"""Who can reach data, and over what."""

from collections.abc import Iterator, Mapping
from typing import Final

from release.core.infra_values import Template, Value, mapping
from release.core.policies.conditions import says_who
from release.core.policies.policy import (
    Breach,
    Node,
    Path,
    Policy,
    Resource,
    each,
    elements,
    is_true,
    may_allow,
    names_of,
    possible,
    resources,
    said,
    statements,
)

_BLOCKS: Final = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
# kind -> (kind of its policy, property of the policy that says whose it is)
_POLICIES: Final = {
    "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
}
KEYS: Final = ("AWS::KMS::Key", "AWS::KMS::ReplicaKey")
# kind -> where it has policies of its own
_SHARED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "AWS::ApiGateway::RestApi": (("Policy",),),
    "AWS::Backup::BackupVault": (("AccessPolicy",),),
    "AWS::DynamoDB::Table": (("ResourcePolicy", "PolicyDocument"),),
    "AWS::ECR::Repository": (("RepositoryPolicyText",),),
    "AWS::EFS::FileSystem": (("FileSystemPolicy",),),
    "AWS::Events::EventBus": (("Policy",),),
    "AWS::IAM::Role": (("AssumeRolePolicyDocument",),),
    "AWS::KMS::Key": (("KeyPolicy",),),
    "AWS::KMS::ReplicaKey": (("KeyPolicy",),),
    "AWS::Kinesis::ResourcePolicy": (("ResourcePolicy",),),
    "AWS::OpenSearchService::Domain": (("AccessPolicies",),),
    "AWS::S3::AccessPoint": (("Policy",),),
    "AWS::S3::BucketPolicy": (("PolicyDocument",),),
    "AWS::SNS::TopicInlinePolicy": (("PolicyDocument",),),
    "AWS::SNS::TopicPolicy": (("PolicyDocument",),),
    "AWS::SQS::QueueInlinePolicy": (("PolicyDocument",),),
    "AWS::SQS::QueuePolicy": (("PolicyDocument",),),
    "AWS::SecretsManager::ResourcePolicy": (("ResourcePolicy",),),
}


def _public(template: Template) -> Iterator[Breach]:
    for bucket in resources(template, "AWS::S3::Bucket"):
        where = "PublicAccessBlockConfiguration"
        missing = [one for one in _BLOCKS if not all(map(is_true, bucket.values(where, one)))]
        if missing:
            yield bucket.breach(f"does not block public access: {', '.join(missing)}", where)


def _lists(template: Template) -> Iterator[Breach]:
    for bucket in resources(template, "AWS::S3::Bucket"):
        owner = said(bucket.properties.get("OwnershipControls"))
        if "BucketOwnerEnforced" not in owner or any(bucket.values("AccessControl")):
            yield bucket.breach("obeys access control lists", "OwnershipControls")


def _tls(kind: str) -> Policy:
    policy_kind, whose = _POLICIES[kind]
    word = kind.rpartition("::")[2].lower()

    def check(template: Template) -> Iterator[Breach]:
        safe: set[str] = set()
        texts: list[str] = []
        for policy in resources(template, policy_kind):
            if any(
                _denies_plain(one, policy_kind)
                for _, one in statements(policy.properties.get("PolicyDocument"))
            ):
                safe |= names_of(policy.properties.get(whose))
                texts.append(said(policy.properties.get(whose)))
        for one in resources(template, kind):
            name = said(one.properties.get(f"{word.title()}Name"))
            if one.name not in safe and not (name and name in texts):
                yield one.breach("answers without TLS")

    number = {"bucket": "R0203", "queue": "R0204", "topic": "R0205"}[word]
    fix = f"add an {policy_kind} that denies everybody where aws:SecureTransport is false ({word}.j2)"
    return Policy(number, f"A {word} answers over TLS alone", fix, check)


def _denies_plain(statement: Mapping[str, Value], kind: str) -> bool:
    """Whether nobody gets in without TLS: a second condition would let through what it does not name."""
    tests = [
        (operator, key.lower(), said(value).lower())
        for operator, test in mapping(statement.get("Condition")).items()
        for key, value in mapping(test).items()
    ]
    off = tests in ([(operator, "aws:securetransport", "false")] for operator in ("Bool", "BoolIfExists"))
    denies = statement.get("Effect") == "Deny" and off and _is_everybody(statement.get("Principal"))
    return denies and _covers(statement, kind)


def _covers(statement: Mapping[str, Value], kind: str) -> bool:
    actions = {said(one).lower() for one in each(statement.get("Action"))}
    if kind == "AWS::S3::BucketPolicy":
        arns = [said(one) for one in each(statement.get("Resource"))]
        objects = any(one.endswith("/*") for one in arns)
        whole = objects and any(not one.endswith("/*") for one in arns)
        return bool(actions & {"*", "s3:*"}) and ("*" in arns or whole)
    # SNS takes no pattern of actions in a policy of a topic; what is sent is what TLS protects.
    return bool(actions & {"*", "sqs:*", "sns:*", "sns:publish"})


def _is_everybody(principal: Node) -> bool:
    return any(
        one == "*" or any("*" in each(named) for named in mapping(one).values()) for one in each(principal)
    )


def shared(template: Template) -> Iterator[tuple[Resource, Path, Mapping[str, Value]]]:
    """Statements of the policies that resources have themselves, and where they are below Properties."""
    for resource in resources(template, *_SHARED):
        for path in _SHARED[resource.kind]:
            for document in resource.values(*path):
                for place, one in statements(document):
                    below: Path = (*path, "Statement")
                    yield resource, below if place is None else (*below, place), one
    for bus in resources(template, "AWS::Events::EventBusPolicy"):
        alone = bus.properties if "Principal" in bus.properties else mapping(bus.properties.get("Statement"))
        where: Path = () if alone is bus.properties else ("Statement",)
        yield bus, where, {"Effect": "Allow", **alone}


def _open(template: Template) -> Iterator[Breach]:
    for resource, where, one in shared(template):
        everybody = "NotPrincipal" in one or _is_everybody(one.get("Principal"))
        if may_allow(one) and everybody and not says_who(one.get("Condition")):
            yield resource.breach("allows something to everybody", *where)
    for layer in resources(template, "AWS::Lambda::LayerVersionPermission"):
        if "*" in layer.values("Principal") and not all(layer.values("OrganizationId")):
            yield layer.breach("allows something to everybody", "Principal")


def _ingress(template: Template) -> Iterator[Breach]:
    for group in resources(template, "AWS::EC2::SecurityGroup"):
        for place, rule in enumerate(elements(group.properties.get("SecurityGroupIngress"))):
            if any(_from_everywhere(branch) for branch in possible(rule)):
                yield group.breach("lets in the whole internet", "SecurityGroupIngress", place)
    for alone in resources(template, "AWS::EC2::SecurityGroupIngress"):
        if _from_everywhere(alone.properties):
            yield alone.breach("lets in the whole internet", "CidrIp")


def _from_everywhere(rule: Node) -> bool:
    """Halves of the internet count as the whole: two rules make it."""
    ranges = [one for key in ("CidrIp", "CidrIpv6") for one in each(mapping(rule).get(key))]
    return any(said(one).endswith(("/0", "/1")) for one in ranges)


def _plain_subscriptions(template: Template) -> Iterator[Breach]:
    for subscription in resources(template, "AWS::SNS::Subscription"):
        if "http" in subscription.values("Protocol"):
            yield subscription.breach("sends messages without TLS", "Protocol")
    for topic in resources(template, "AWS::SNS::Topic"):
        for place, one in enumerate(elements(topic.properties.get("Subscription"))):
            if mapping(one).get("Protocol") == "http":
                yield topic.breach("sends messages without TLS", "Subscription", place)


def _published(template: Template) -> Iterator[Breach]:
    for one in resources(template):
        if any(map(is_true, one.values("PubliclyAccessible"))):
            yield one.breach("has an address of the internet", "PubliclyAccessible")


def _old_tls(template: Template) -> Iterator[Breach]:
    for domain in resources(template, "AWS::ApiGateway::DomainName", "AWS::ApiGatewayV2::DomainName"):
        if "TLS_1_0" in said(domain.properties).split():
            yield domain.breach("answers over TLS 1.0", "DomainNameConfigurations")


POLICIES: Final = (
    Policy("R0208", "A subscription is sent over TLS", "use https", _plain_subscriptions),
    Policy("R0209", "No store has an address of the internet", "take PubliclyAccessible out", _published),
    Policy("R0210", "A domain answers over TLS 1.2 or newer", "set SecurityPolicy: TLS_1_2", _old_tls),
    Policy("R0201", "A bucket blocks public access", "set all four blocks to true (bucket.j2)", _public),
    Policy(
        "R0202",
        "A bucket has no access control lists",
        "set OwnershipControls to BucketOwnerEnforced and take AccessControl out",
        _lists,
    ),
    _tls("AWS::S3::Bucket"),
    _tls("AWS::SQS::Queue"),
    _tls("AWS::SNS::Topic"),
    Policy(
        "R0206",
        "Nothing is allowed to everybody",
        "name the principals, or who calls: a Condition such as StringEquals aws:SourceAccount",
        _open,
    ),
    Policy("R0207", "No security group lets in the internet", "name the ranges that may call", _ingress),
)
