"""Who can reach data, and over what."""

from collections.abc import Iterator, Mapping
from typing import Final

from release.core.infra_values import Template, Value
from release.core.policies.policy import (
    Breach,
    Node,
    Policy,
    elements,
    is_true,
    mapping,
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
_EVERYBODY: Final = ("0.0.0.0/0", "::/0")


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
            if any(_denies_plain(one) for _, one in statements(policy.properties.get("PolicyDocument"))):
                safe |= names_of(policy.properties.get(whose))
                texts.append(said(policy.properties.get(whose)))
        for one in resources(template, kind):
            name = said(one.properties.get(f"{word.title()}Name"))
            if one.name not in safe and not (name and name in texts):
                yield one.breach("answers without TLS")

    number = {"bucket": "R0203", "queue": "R0204", "topic": "R0205"}[word]
    fix = f"add an {policy_kind} that denies everybody where aws:SecureTransport is false ({word}.j2)"
    return Policy(number, f"A {word} answers over TLS alone", fix, check)


def _denies_plain(statement: Mapping[str, Value]) -> bool:
    condition = mapping(mapping(statement.get("Condition")).get("Bool"))
    off = any(key.lower() == "aws:securetransport" and said(condition[key]) == "false" for key in condition)
    return statement.get("Effect") == "Deny" and off and _is_everybody(statement.get("Principal"))


def _is_everybody(principal: Node) -> bool:
    if principal == "*":
        return True
    return any("*" in elements(one) for one in mapping(principal).values())


def _open(template: Template) -> Iterator[Breach]:
    documents = {kind: ("PolicyDocument",) for kind, _ in _POLICIES.values()} | {
        "AWS::KMS::Key": ("KeyPolicy",),
        "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy",),
        "AWS::IAM::Role": ("AssumeRolePolicyDocument",),
    }
    for resource in resources(template, *documents):
        (where,) = documents[resource.kind]
        for place, one in statements(resource.properties.get(where)):
            if (
                one.get("Effect") == "Allow"
                and _is_everybody(one.get("Principal"))
                and not one.get("Condition")
            ):
                below = (where, "Statement") if place is None else (where, "Statement", place)
                yield resource.breach("allows something to everybody", *below)


def _ingress(template: Template) -> Iterator[Breach]:
    for group in resources(template, "AWS::EC2::SecurityGroup"):
        for place, rule in enumerate(elements(group.properties.get("SecurityGroupIngress"))):
            if any(_from_everywhere(branch) for branch in possible(rule)):
                yield group.breach("lets in the whole internet", "SecurityGroupIngress", place)
    for alone in resources(template, "AWS::EC2::SecurityGroupIngress"):
        if _from_everywhere(alone.properties):
            yield alone.breach("lets in the whole internet", "CidrIp")


def _from_everywhere(rule: Node) -> bool:
    return any(mapping(rule).get(key) in _EVERYBODY for key in ("CidrIp", "CidrIpv6"))


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
        "name the principals, or add a Condition such as aws:SourceAccount",
        _open,
    ),
    Policy("R0207", "No security group lets in the internet", "name the ranges that may call", _ingress),
)
