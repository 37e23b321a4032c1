"""One template that keeps every rule, and what is changed in it for tests of single rules."""

from functools import cache
from typing import TypeAlias

from tests.infra.rendered import calling, configured, rendered

Change: TypeAlias = "tuple[str | None, str, str]"  # resource (None: anywhere), what stands there, what shall
IMPORTS = {
    "http": "http_api.j2",
    "lambda": "function.j2",
    "kms": "kms.j2",
    "s3": "bucket.j2",
    "sqs": "queue.j2",
    "sns": "topic.j2",
    "dynamodb": "table.j2",
    "triggers": "trigger.j2",
}
RESOURCES = """\
{{ dynamodb.table("Table", name="orders", key=["id"], stream=true) }}
{{ s3.bucket("Bucket", name="results") }}
{{ sns.topic("Topic", name="alerts") }}
{{ sqs.queue("Jobs", name="jobs") }}
{{ lambda.function("api", topic="Topic",
  uses=[{"stream": "Table"}, {"queue": "Jobs"}, {"send": "JobsFailed"}]) }}
{{ triggers.stream("Changes", "api", table="Table", failed="JobsFailed") }}
{{ triggers.queue("Work", "api", queue="Jobs") }}
{{ http.http_api("api", routes=["GET /orders"],
  cors={"origins": ["https://a.example"], "credentials": true}) }}
"""
SETTINGS = 'settings: {default: {environment: {COLOUR: "red"}}}'
FIRST = "\nResources:\n"
TAGS = (
    "[{Key: env, Value: prod}, {Key: service, Value: a}, {Key: owner, Value: a},"
    " {Key: cost_center, Value: a}, {Key: data_class, Value: a}]"
)


@cache
def good() -> str:
    service = configured(text=SETTINGS, data_class="phi")
    return rendered(service, calling(IMPORTS, RESOURCES, conditions=ALSO), "prod")


def resource(text: str, name: str) -> str:
    """The lines of one resource."""
    begin = text.index(f"\n  {name}:\n") + 1
    lines = text[begin:].splitlines(keepends=True)
    end = next(i for i, one in enumerate(lines[1:], 1) if one[:3].strip() and one[2:3] != " ")
    return "".join(lines[:end])


ALSO = '\n  Also: !And [!Condition HasAlias, !Equals ["1", "1"]]\n'  # a condition that asks another


def changed(name: str | None, old: str, new: str) -> str:
    """The good template with one place of a resource (None: of the whole) written otherwise."""
    whole = good()
    part = whole if name is None else resource(whole, name)
    assert old in part, f"{old!r} is not in {name}: this case tests nothing"
    return whole.replace(part, part.replace(old, new, 1), 1)


def added(text: str) -> tuple[None, str, str]:
    return None, FIRST, f"{FIRST}{text}"


DATABASE = (
    "  Db:\n    Type: AWS::RDS::DBInstance\n    DeletionPolicy: Snapshot\n    UpdateReplacePolicy: Snapshot\n"
)
ALIAS = '!Sub "${ApiFunction.Arn}:live"'
TOLD = "Subscription: !If [HasAlias, [{{Protocol: lambda, Endpoint: {}}}], !Ref AWS::NoValue]"
NOTIFIED = (
    "NotificationConfiguration: {{LambdaConfigurations: [{{Event: 's3:ObjectCreated:*', Function: {}}}]}}"
)
ROLE = "Resources/ApiRole/Properties/Policies/0/PolicyDocument/Statement/0"
# rule -> what is changed, and where the rule points
BAD: list[tuple[str, Change, str]] = [
    ("R0101", ("Bucket", "BucketEncryption:", "X:"), "Resources/Bucket/Properties"),
    (
        "R0102",
        ("Table", "SSEEnabled: true", "SSEEnabled: false"),
        "Resources/Table/Properties/SSESpecification",
    ),
    (
        "R0103",
        ("Jobs", "SqsManagedSseEnabled: true", "SqsManagedSseEnabled: false"),
        "Resources/Jobs/Properties/SqsManagedSseEnabled",
    ),
    ("R0104", ("Topic", "KmsMasterKeyId: !Ref TopicKey", "DisplayName: a"), "Resources/Topic/Properties"),
    ("R0105", ("Topic", "!Ref TopicKey", "alias/aws/sns"), "Resources/Topic/Properties/KmsMasterKeyId"),
    ("R0106", ("TopicKey", "EnableKeyRotation: true", "Enabled: true"), "Resources/TopicKey/Properties"),
    (
        "R0107",
        ("ApiLogGroup", "KmsKeyId: !GetAtt LogsKey.Arn", "LogGroupClass: STANDARD"),
        "Resources/ApiLogGroup/Properties",
    ),
    (
        "R0108",
        (None, "\nParameters:\n", "\nParameters:\n  DbPassword: {Type: String, Default: hunter2}\n"),
        "Parameters/DbPassword/Default",
    ),
    (
        "R0201",
        ("Bucket", "BlockPublicPolicy: true", "BlockPublicPolicy: false"),
        "Resources/Bucket/Properties/PublicAccessBlockConfiguration",
    ),
    (
        "R0202",
        ("Bucket", "BucketOwnerEnforced", "ObjectWriter"),
        "Resources/Bucket/Properties/OwnershipControls",
    ),
    (
        "R0203",
        ("BucketPolicy", 'aws:SecureTransport: "false"', 'aws:SecureTransport: "true"'),
        "Resources/Bucket/Properties",
    ),
    (
        "R0204",
        ("JobsPolicy", 'aws:SecureTransport: "false"', 'aws:SecureTransport: "true"'),
        "Resources/Jobs/Properties",
    ),
    ("R0205", ("TopicPolicy", "- !Ref Topic\n", "- !Ref Other\n"), "Resources/Topic/Properties"),
    (
        "R0206",
        ("ApiRole", "Service: lambda.amazonaws.com", 'AWS: "*"'),
        "Resources/ApiRole/Properties/AssumeRolePolicyDocument/Statement/0",
    ),
    (
        "R0207",
        added(
            "  Group:\n    Type: AWS::EC2::SecurityGroup\n    Properties: {GroupDescription: a,"
            f" SecurityGroupIngress: [{{IpProtocol: tcp, CidrIp: 0.0.0.0/0}}], Tags: {TAGS}}}\n"
        ),
        "Resources/Group/Properties/SecurityGroupIngress/0",
    ),
    (
        "R0301",
        ("Table", "PointInTimeRecoveryEnabled: true", 'PointInTimeRecoveryEnabled: "false"'),
        "Resources/Table/Properties/PointInTimeRecoverySpecification",
    ),
    ("R0302", ("Bucket", "    UpdateReplacePolicy: Retain\n", ""), "Resources/Bucket"),
    # As every type does that no rollout removes unnamed.
    (
        "R0302",
        added("  Kept:\n    Type: AWS::Events::Archive\n    Properties: {SourceArn: a}\n"),
        "Resources/Kept",
    ),
    (
        "R0303",
        ("Table", "DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Delete"),
        "Resources/Table/DeletionPolicy",
    ),
    (
        "R0304",
        (
            "Bucket",
            "Status: Enabled\n      LifecycleConfiguration",
            "Status: Suspended\n      LifecycleConfiguration",
        ),
        "Resources/Bucket/Properties/VersioningConfiguration",
    ),
    (
        "R0305",
        ("Bucket", "Status: Enabled\n            Transitions", "Status: Disabled\n            Transitions"),
        "Resources/Bucket/Properties/LifecycleConfiguration",
    ),
    ("R0401", ("Jobs", "Key: owner", "Key: boss"), "Resources/Jobs/Properties/Tags"),
    ("R0402", ("Table", "orders-prod-orders", "orders"), "Resources/Table/Properties/TableName"),
    ("R0403", ("Bucket", "-${AWS::AccountId}", ""), "Resources/Bucket/Properties/BucketName"),
    ("R0404", ("Jobs", 'QueueName: "orders-prod-jobs"', "DelaySeconds: 1"), "Resources/Jobs/Properties"),
    (
        "R0501",
        ("ApiLogGroup", "RetentionInDays: 7", "LogGroupClass: STANDARD"),
        "Resources/ApiLogGroup/Properties",
    ),
    (
        "R0502",
        ("ApiLogGroup", "/aws/lambda/orders-prod", "/aws/lambda/orders-prod-1"),
        "Resources/ApiFunction/Properties",
    ),
    ("R0503", ("HttpApiStage", "AccessLogSettings:", "X:"), "Resources/HttpApiStage/Properties"),
    (
        "R0504",
        ("ApiErrorAlarm", "MetricName: Errors", "MetricName: Invocations"),
        "Resources/ApiFunction/Properties",
    ),
    (
        "R0505",
        ("ApiErrorAlarm", "Name: Resource", "Name: ExecutedVersion"),
        "Resources/ApiErrorAlarm/Properties/Dimensions",
    ),
    (
        "R0506",
        ("ApiErrorAlarm", "TreatMissingData: notBreaching", "Unit: Count"),
        "Resources/ApiErrorAlarm/Properties",
    ),
    ("R0601", ("ApiRole", "- logs:CreateLogStream", "- logs:*"), f"{ROLE}/Action"),
    ("R0602", ("ApiRole", "Resource: !GetAtt ApiLogGroup.Arn", 'Resource: ["*"]'), f"{ROLE}/Resource"),
    (
        "R0603",
        ("ApiRole", "Resource: !GetAtt ApiLogGroup.Arn", "NotResource: !GetAtt Table.Arn"),
        f"{ROLE}/NotResource",
    ),
    (
        "R0604",
        (
            "ApiRole",
            "      Policies:",
            "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonS3FullAccess]\n      Policies:",
        ),
        "Resources/ApiRole/Properties/ManagedPolicyArns/0",
    ),
    (
        "R0605",
        ("GetOrdersPermission", "SourceArn:", "EventSourceToken:"),
        "Resources/GetOrdersPermission/Properties/Principal",
    ),
    (
        "R0607",
        (
            "ApiRole",
            "Service: lambda.amazonaws.com\n            Action: sts:AssumeRole",
            "Federated: arn:a\n            Action: sts:AssumeRoleWithWebIdentity\n            Condition:"
            ' {StringLike: {"github:sub": "repo:*"}}',
        ),
        "Resources/ApiRole/Properties/AssumeRolePolicyDocument/Statement/0",
    ),
    (
        "R0608",
        added("  Key:\n    Type: AWS::IAM::AccessKey\n    Properties: {UserName: me}\n"),
        "Resources/Key/Type",
    ),
    (
        "R0609",
        added(
            "  Other:\n    Type: AWS::IAM::Role\n    Properties: {RoleName: !Sub 'a-prod-${AWS::Region}',"
            f" PermissionsBoundary: arn:a, Tags: {TAGS}}}\n"
        ),
        "Resources/ApiRole/Properties",
    ),
    (
        "R0809",
        added(
            "  Hourly:\n    Type: AWS::Events::Rule\n"
            "    Properties: {Targets: [{Id: a, Arn: !GetAtt Jobs.Arn}]}\n"
        ),
        "Resources/Hourly/Properties/Targets/0",
    ),
    ("R0606", ("ApiRole", "- logs:PutLogEvents", "- iam:PassRole"), ROLE),
    (
        "R0701",
        added("  Mine:\n    Type: AWS::Lambda::Alias\n    Properties: {Name: live}\n"),
        "Resources/Mine/Type",
    ),
    ("R0702", ("ApiFunction", "raise RuntimeError(", "print("), "Resources/ApiFunction/Properties/Code"),
    (
        "R0703",
        ("ApiFunction", 'COLOUR: "red"', 'DB_PASSWORD: "hunter2"'),
        "Resources/ApiFunction/Properties/Environment/Variables/DB_PASSWORD",
    ),
    (
        "R0704",
        added(
            "  Url:\n    Type: AWS::Lambda::Url\n    Condition: HasAlias\n"
            "    Properties: {AuthType: NONE, Qualifier: live}\n"
        ),
        "Resources/Url/Properties/AuthType",
    ),
    (
        "R0705",
        ("ApiFunction", "Handler:", "PackageType: Image\n      Handler:"),
        "Resources/ApiFunction/Properties/PackageType",
    ),
    (
        "R0801",
        ("Work", '!Sub "${ApiFunction.Arn}:live"', "!GetAtt ApiFunction.Arn"),
        "Resources/Work/Properties/FunctionName",
    ),
    ("R0802", ("Work", "    Condition: HasAlias\n", ""), "Resources/Work"),
    ("R0803", ("Changes", "OnFailure", "OnSuccess"), "Resources/Changes/Properties/DestinationConfig"),
    (
        "R0804",
        ("Changes", "MaximumRetryAttempts: 3", "MaximumRetryAttempts: -1"),
        "Resources/Changes/Properties/BisectBatchOnFunctionError",
    ),
    ("R0805", ("Work", "FunctionResponseTypes:", "X:"), "Resources/Work/Properties"),
    (
        "R0806",
        ("Jobs", "VisibilityTimeout: 18", "VisibilityTimeout: 17"),
        "Resources/Jobs/Properties/VisibilityTimeout",
    ),
    ("R0807", ("Jobs", "RedrivePolicy:", "X:"), "Resources/Jobs/Properties"),
    (
        "R0808",
        ("JobsFailed", "MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 1209599"),
        "Resources/JobsFailed/Properties/MessageRetentionPeriod",
    ),
    (
        "R0901",
        ("HttpApi", '"https://a.example"', '"*"'),
        "Resources/HttpApi/Properties/CorsConfiguration/AllowOrigins",
    ),
    (
        "R0902",
        ("GetOrdersRoute", "AuthorizationType: AWS_IAM", "AuthorizationType: NONE"),
        "Resources/GetOrdersRoute/Properties/AuthorizationType",
    ),
    (
        "R0109",
        added(
            "  Volume:\n    Type: AWS::EC2::Volume\n    DeletionPolicy: Snapshot\n"
            "    UpdateReplacePolicy: Snapshot\n    Properties: {Size: 1, Encrypted: false}\n"
        ),
        "Resources/Volume/Properties/Encrypted",
    ),
    (
        "R0208",
        added(
            "  Told:\n    Type: AWS::SNS::Subscription\n"
            "    Properties: {TopicArn: !Ref Topic, Protocol: http, Endpoint: 'http://a.example',"
            " RedrivePolicy: {deadLetterTargetArn: !GetAtt JobsFailed.Arn}}\n"
        ),
        "Resources/Told/Properties/Protocol",
    ),
    (
        "R0209",
        added(f"{DATABASE}    Properties: {{StorageEncrypted: true, PubliclyAccessible: true}}\n"),
        "Resources/Db/Properties/PubliclyAccessible",
    ),
    (
        "R0210",
        added(
            "  Domain:\n    Type: AWS::ApiGatewayV2::DomainName\n"
            "    Properties: {DomainNameConfigurations: [{SecurityPolicy: TLS_1_0}]}\n"
        ),
        "Resources/Domain/Properties/DomainNameConfigurations",
    ),
    ("R0706", (None, "\nParameters:", "\nTransform: AWS::Serverless-2016-10-31\nParameters:"), "Transform"),
    (
        "R0001",
        ("Bucket", "    Properties:", "    Metadata: {release: {suppress: {R0304: todo}}}\n    Properties:"),
        "Resources/Bucket/Metadata/release/suppress/R0304",
    ),
    (
        "R0002",
        (
            "Bucket",
            "    Properties:",
            "    Metadata: {cfn-lint: {config: {ignore_checks: [R0304]}}}\n    Properties:",
        ),
        "Resources/Bucket/Metadata/cfn-lint/config/ignore_checks",
    ),
    (
        "R0003",
        (
            "Bucket",
            "    Properties:",
            "    Metadata: {release: {suppress: {R9999: because nobody knows}}}\n    Properties:",
        ),
        "Resources/Bucket/Metadata/release/suppress/R9999",
    ),
    (
        "R0004",
        (
            "Bucket",
            "    Properties:",
            "    Metadata: {release: {suppress: {R0304: it was needed once}}}\n    Properties:",
        ),
        "Resources/Bucket/Metadata/release/suppress/R0304",
    ),
]

# What else is the same to CloudFormation, or worse than the plain case.
OTHERS: list[tuple[str, Change]] = [
    (
        "R0801",
        added(
            "  Url:\n    Type: AWS::Lambda::Url\n    Condition: HasAlias\n"
            "    Properties: {AuthType: AWS_IAM}\n"
        ),
    ),
    ("R0801", ("Work", '!Sub "${ApiFunction.Arn}:live"', "orders-prod")),
    ("R0801", ("Work", '!Sub "${ApiFunction.Arn}:live"', "arn:aws:lambda:a:1:function:a:$LATEST")),
    ("R0703", ("ApiFunction", 'COLOUR: "red"', "STRIPE: sk_live_abcdefghijkl")),
    (
        "R0108",
        added(f"{DATABASE}    Properties: {{StorageEncrypted: true, MasterUserPassword: hunter2}}\n"),
    ),
    ("R0102", ("Table", "SSEEnabled: true", "SSEEnabled: !If [HasAlias, true, false]")),
    ("R0105", ("Topic", "!Ref TopicKey", "!Sub alias/aws/sns")),
    (
        "R0202",
        ("Bucket", "      OwnershipControls:", "      AccessControl: PublicRead\n      OwnershipControls:"),
    ),
    ("R0206", ("TopicKey", "AWS: !Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:root", 'AWS: ["*"]')),
    ("R0602", ("ApiRole", "!GetAtt ApiLogGroup.Arn", '!Sub "arn:${AWS::Partition}:s3:::*"')),
    ("R0602", ("ApiRole", "!GetAtt ApiLogGroup.Arn", '!Sub "arn:aws:dynamodb:*:*:table/*"')),
    ("R0601", ("ApiRole", "- logs:CreateLogStream", '- "*"')),
    ("R0703", ("ApiFunction", 'COLOUR: "red"', "COLOUR: AKIAIOSFODNN7EXAMPLE")),
    ("R0703", ("ApiFunction", 'COLOUR: "red"', "DSN: postgres://me:hunter2@db/orders")),
    ("R0703", ("ApiFunction", 'COLOUR: "red"', "X: '{{resolve:secretsmanager:a:SecretString:b}}'")),
    ("R0801", ("Work", '!Sub "${ApiFunction.Arn}:live"', "!Ref ApiFunction")),
    ("R0801", ("Work", '!Sub "${ApiFunction.Arn}:live"', '!Sub "${ApiFunction.Arn}"')),
    ("R0801", ("Work", '!Sub "${ApiFunction.Arn}:live"', '!Sub "${ApiFunction.Arn}:$LATEST"')),
    ("R0801", ("Work", '!Sub "${ApiFunction.Arn}:live"', '!Join ["", [!GetAtt ApiFunction.Arn, ""]]')),
    ("R0801", ("HttpApiIntegration", '!Sub "${ApiFunction.Arn}:live"', "!GetAtt ApiFunction.Arn")),
    (
        "R0801",
        added(
            "  Pipe:\n    Type: AWS::Pipes::Pipe\n    Condition: HasAlias\n    Properties: {Source: a,"
            " Target: !Sub '${ApiFunction.Arn}'}\n"
        ),
    ),
    (
        "R0801",
        ("Topic", "    Properties:", f"    Properties:\n      {TOLD.format('!GetAtt ApiFunction.Arn')}"),
    ),
    (
        "R0801",
        ("Bucket", "    Properties:", f"    Properties:\n      {NOTIFIED.format('!GetAtt ApiFunction.Arn')}"),
    ),
    (
        "R0206",
        (
            "TopicPolicy",
            "AWS: !Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:root",
            'AWS: [!Join ["", ["*"]]]',
        ),
    ),
    ("R0802", ("Work", "Condition: HasAlias", "Condition: Elsewhere")),
    ("R0902", ("GetOrdersRoute", "      AuthorizationType: AWS_IAM\n", "")),
]

FINE: list[Change] = [
    (
        "ApiRole",
        "Service: lambda.amazonaws.com\n            Action: sts:AssumeRole",
        "Federated: arn:a\n            Action: sts:AssumeRoleWithWebIdentity\n            Condition:"
        ' {StringLike: {"github:sub": ["repo:acme/fleet:environment:prod", "repo:acme@*/fleet@*:*"]}}',
    ),
    ("ApiRole", "- logs:CreateLogStream", '- !Join [":", [logs, CreateLogStream]]'),
    ("ApiRole", "- logs:CreateLogStream", "- !FindInMap [Nothing, Like, This]"),
    added(
        f"{DATABASE}    Properties:\n      StorageEncrypted: true\n"
        "      MasterUserPassword: '{{resolve:secretsmanager:a:SecretString:b}}'\n"
    ),
    ("Work", '!Sub "${ApiFunction.Arn}:live"', "!Ref AliasOfAnotherStack"),
    ("Jobs", "SqsManagedSseEnabled: true", "KmsMasterKeyId: !Ref TopicKey"),
    ("Table", "SSEEnabled: true", 'SSEEnabled: "True"'),
    ("Bucket", "SSEAlgorithm: AES256", "SSEAlgorithm: !If [HasAlias, aws:kms, AES256]"),
    ("ApiFunction", 'COLOUR: "red"', 'TOKEN_TABLE: !Ref Table\n          SECRET_ARN: "arn:aws:x"'),
    ("ApiFunction", 'COLOUR: "red"', 'MAX_TOKENS: "4096"'),
    ("Work", '!Sub "${ApiFunction.Arn}:live"', '!Join [":", [!GetAtt ApiFunction.Arn, live]]'),
    (
        "HttpApiIntegration",
        '!Sub "${ApiFunction.Arn}:live"',
        '!Sub "arn:aws:apigateway:a:lambda:path/2015-03-31/functions/${ApiFunction.Arn}:live/invocations"',
    ),
    ("ApiRole", "!GetAtt ApiLogGroup.Arn", '!Sub "${ApiLogGroup.Arn}:log-stream:*"'),
    ("ApiRole", "!GetAtt ApiLogGroup.Arn", '!Sub "arn:aws:s3:::orders-prod/*"'),
    (None, '[!Ref AliasExists, "true"]', '["true", !Ref AliasExists]'),
    ("Work", "Condition: HasAlias", "Condition: Also"),
    ("Topic", "    Properties:", f"    Properties:\n      {TOLD.format(ALIAS)}"),
    ("Bucket", "    Properties:", f"    Properties:\n      {NOTIFIED.format(ALIAS)}"),
]
