"""Encryption at rest."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from release.core.infra_values import Template, mapping
from release.core.policies.policy import (
    Breach,
    Node,
    Policy,
    elements,
    is_true,
    possible,
    resources,
    said,
    tags,
)

# As templates/cloudformation/data_class.j2 has them.
SENSITIVE: Final = frozenset({"phi", "pii", "pci", "confidential", "restricted", "sensitive"})

# Written as a text they are secrets; as {{resolve:secretsmanager:…}} they are references.
_SECRET_KEYS: Final = frozenset(
    {"AuthToken", "MasterPassword", "MasterUserPassword", "OAuthToken", "Password", "SecretString"}
)
# A text with variables may name a secret, or hold one beside them: "password": "hunter2".
_WRITTEN_SECRET: Final = re.compile(
    r"(?:password|secret|token|key)[\"']?\s*[:=]\s*[\"']?[^\s\"'${]", re.IGNORECASE
)
_OTHER_STORES: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::DocDB::DBCluster": ("StorageEncrypted",),
    "AWS::EC2::Volume": ("Encrypted",),
    "AWS::EFS::FileSystem": ("Encrypted",),
    "AWS::ElastiCache::ReplicationGroup": ("AtRestEncryptionEnabled",),
    "AWS::Kinesis::Stream": ("StreamEncryption", "KeyId"),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamEncryptionConfigurationInput", "KeyType"),
    "AWS::OpenSearchService::Domain": ("EncryptionAtRestOptions", "Enabled"),
    "AWS::RDS::DBCluster": ("StorageEncrypted",),
    "AWS::RDS::DBInstance": ("StorageEncrypted",),
    "AWS::Redshift::Cluster": ("Encrypted",),
}


def _buckets(template: Template) -> Iterator[Breach]:
    for bucket in resources(template, "AWS::S3::Bucket"):
        rules = bucket.values("BucketEncryption", "ServerSideEncryptionConfiguration")
        if not all(_names_algorithm(one) for one in rules):
            yield bucket.breach("does not say how it encrypts", "BucketEncryption")


def _names_algorithm(rules: Node) -> bool:
    defaults = [
        mapping(mapping(one).get("ServerSideEncryptionByDefault"))
        for rule in elements(rules)
        for one in possible(rule)
    ]
    return any("SSEAlgorithm" in one for one in defaults)


def _tables(template: Template) -> Iterator[Breach]:
    for table in resources(template, "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
        if not all(map(is_true, table.values("SSESpecification", "SSEEnabled"))):
            yield table.breach("has no KMS key", "SSESpecification")


def _queues(template: Template) -> Iterator[Breach]:
    for queue in resources(template, "AWS::SQS::Queue"):
        managed = all(map(is_true, queue.values("SqsManagedSseEnabled")))
        if not managed and not all(queue.values("KmsMasterKeyId")):
            yield queue.breach("does not encrypt its messages", "SqsManagedSseEnabled")


def _topics(template: Template) -> Iterator[Breach]:
    for topic in resources(template, "AWS::SNS::Topic"):
        if not all(topic.values("KmsMasterKeyId")):
            yield topic.breach("does not encrypt its messages", "KmsMasterKeyId")


def _alarm_topics(template: Template) -> Iterator[Breach]:
    told = {
        name
        for alarm in resources(template, "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        for key in ("AlarmActions", "OKActions", "InsufficientDataActions")
        for name in said(alarm.properties.get(key)).split()
    }
    for topic in resources(template, "AWS::SNS::Topic"):
        keys = " ".join(map(said, topic.values("KmsMasterKeyId")))
        if topic.name in told and "alias/aws/sns" in keys:
            yield topic.breach("never gets the alarms: CloudWatch cannot use its key", "KmsMasterKeyId")


def _rotation(template: Template) -> Iterator[Breach]:
    for key in resources(template, "AWS::KMS::Key"):
        symmetric = all(one in (None, "SYMMETRIC_DEFAULT") for one in key.values("KeySpec"))
        if symmetric and not all(map(is_true, key.values("EnableKeyRotation"))):
            yield key.breach("never turns", "EnableKeyRotation")


def _logs(template: Template) -> Iterator[Breach]:
    for group in resources(template, "AWS::Logs::LogGroup"):
        data_class = (tags(group) or {}).get("data_class", "").lower()
        if data_class in SENSITIVE and not all(group.values("KmsKeyId")):
            yield group.breach(f"keeps logs of {data_class} without a key of one's own", "KmsKeyId")


def _stores(template: Template) -> Iterator[Breach]:
    for store in resources(template, *_OTHER_STORES):
        path = _OTHER_STORES[store.kind]
        if not all(one and said(one).lower() not in ("false", "none") for one in store.values(*path)):
            yield store.breach("does not encrypt", *path)


def _secrets(template: Template) -> Iterator[Breach]:
    for resource in resources(template):
        for path, value in _below(resource.properties, ()):
            if path[-1] in _SECRET_KEYS and not value.startswith("{{resolve:"):
                yield resource.breach(f"has its {path[-1]} in the template", *path)
            elif _SECRET_KEYS & set(path[-2:-1]) and path[-1] == "Fn::Sub" and _WRITTEN_SECRET.search(value):
                yield resource.breach(f"has its {path[-2]} in the template", *path[:-1])
    for name, body in mapping(template.get("Parameters")).items():
        lowered = name.lower()
        looks = any(one in lowered for one in ("password", "secret", "token", "apikey", "privatekey"))
        if looks and "Default" in mapping(body):
            yield Breach(
                ("Parameters", name, "Default"), f"the parameter {name} has its secret in the template"
            )


def _below(value: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Texts of a mapping, however deep, by their keys."""
    for key, one in mapping(value).items():
        for branch in possible(one):
            if isinstance(branch, str):
                yield (*path, key), branch
            elif isinstance(branch, Mapping):
                yield from _below(branch, (*path, key))


POLICIES: Final = (
    Policy("R0109", "Everything else that stores data encrypts", "switch its encryption on", _stores),
    Policy("R0101", "A bucket encrypts", "set BucketEncryption with AES256 or aws:kms", _buckets),
    Policy("R0102", "A table encrypts with KMS", "set SSESpecification: {SSEEnabled: true}", _tables),
    Policy("R0103", "A queue encrypts", "set SqsManagedSseEnabled: true, or a KmsMasterKeyId", _queues),
    Policy("R0104", "A topic encrypts", "set KmsMasterKeyId to a key of your own (topic.j2)", _topics),
    Policy(
        "R0105",
        "A topic of alarms has a key that CloudWatch may use",
        "give it a key of your own whose policy allows cloudwatch.amazonaws.com (topic.j2)",
        _alarm_topics,
    ),
    Policy("R0106", "A symmetric key turns every year", "set EnableKeyRotation: true", _rotation),
    Policy(
        "R0107",
        "Logs of sensitive data have a key of their own",
        "set KmsKeyId; the frame stack.j2 brings LogsKey",
        _logs,
    ),
    Policy(
        "R0108",
        "No value of a secret is in the template",
        "use GenerateSecretString, or a parameter without a default",
        _secrets,
    ),
)
