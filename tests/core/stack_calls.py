"""Which calls CloudFormation makes for each type that the macros build, to make, read, change and remove it.

The calls are those of the types' handlers (`aws cloudformation describe-type --type RESOURCE`) for the
properties that the macros set. Names are operations of botocore; PERMISSIONS has those whose action of IAM is
called otherwise (https://docs.aws.amazon.com/service-authorization/latest/reference/). Of an action that no
operation of the SDK has, the action stands itself: "=iam:PassRole".
"""

from collections.abc import Mapping, Sequence
from typing import Final

ACCOUNT, REGION = "444444444444", "us-west-2"
_START: Final = f"{REGION}:{ACCOUNT}"
_ANY: Final = "*"
_FUNCTION: Final = f"arn:aws:lambda:{_START}:function:orders-prod"
_LOGS: Final = f"arn:aws:logs:{_START}:log-group:/aws/lambda/orders-prod"
_ALARM: Final = f"arn:aws:cloudwatch:{_START}:alarm:orders-prod-errors"
_QUEUE: Final = f"arn:aws:sqs:{_START}:orders-prod-jobs"
_TOPIC: Final = f"arn:aws:sns:{_START}:orders-prod-alerts"
_KEY: Final = f"arn:aws:kms:{_START}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_MAPPING: Final = f"arn:aws:lambda:{_START}:event-source-mapping:1234abcd-12ab-34cd-56ef-1234567890ab"
_GROUP: Final = f"arn:aws:ec2:{_START}:security-group/sg-0123456789abcdef0"
_BUCKET: Final = f"arn:aws:s3:::orders-prod-files-{ACCOUNT}-{REGION}"
_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/orders-prod-{REGION}"
_APIS: Final = f"arn:aws:apigateway:{REGION}::/apis"
_BUDGET: Final = f"arn:aws:budgets::{ACCOUNT}:budget/orders-prod-budget"

# (service of botocore, ARN, operations)
Calls = Sequence[tuple[str, str, str]]
_TAGS: Final = "TagResource UntagResource"
_ALIASES: Final = "CreateAlias UpdateAlias DeleteAlias"


def _api(path: str, name: str) -> Calls:
    return [
        ("apigatewayv2", f"{_APIS}{path}", f"Create{name} Get{name} Update{name} Delete{name}"),
        ("apigatewayv2", f"{_APIS[: -len('/apis')]}/tags/arn", "TagResource"),
        # The service has an action PUT, which no operation of it has: tags of an API are put by it.
        ("", f"{_APIS}/a1", "=apigateway:PUT"),
    ]


CALLS: Final[Mapping[str, Calls]] = {
    "AWS::ApiGatewayV2::Api": _api("", "Api"),
    "AWS::ApiGatewayV2::Integration": _api("/a1/integrations", "Integration"),
    "AWS::ApiGatewayV2::Route": _api("/a1/routes", "Route"),
    "AWS::ApiGatewayV2::Stage": [
        *_api("/a1/stages", "Stage"),
        ("logs", _ANY, "DescribeResourcePolicies PutResourcePolicy"),
        ("", _ANY, "=logs:CreateLogDelivery =logs:GetLogDelivery =logs:ListLogDeliveries"),
        ("", _ANY, "=logs:UpdateLogDelivery =logs:DeleteLogDelivery"),
    ],
    "AWS::Budgets::Budget": [
        (
            "budgets",
            _BUDGET,
            f"CreateBudget DescribeBudget UpdateBudget DeleteBudget ListTagsForResource {_TAGS}",
        )
    ],
    "AWS::CloudWatch::Alarm": [
        ("cloudwatch", arn, f"PutMetricAlarm ListTagsForResource DeleteAlarms {_TAGS}")
        for arn in (_ALARM, f"arn:aws:cloudwatch:{_START}:alarm:orders-prod-charges")
    ]
    + [("cloudwatch", _ANY, "DescribeAlarms")],
    "AWS::CloudWatch::Dashboard": [
        (
            "cloudwatch",
            f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/orders-prod-{REGION}",
            "PutDashboard GetDashboard DeleteDashboards",
        )
    ],
    "AWS::DynamoDB::Table": [
        (
            "dynamodb",
            f"arn:aws:dynamodb:{_START}:table/orders-prod-audit",
            "CreateTable DescribeTable UpdateTable DeleteTable DescribeContinuousBackups"
            " UpdateContinuousBackups"
            " DescribeTimeToLive UpdateTimeToLive ListTagsOfResource DescribeContributorInsights"
            f" DescribeKinesisStreamingDestination GetResourcePolicy {_TAGS}",
        )
    ],
    "AWS::EC2::SecurityGroup": [
        ("ec2", _GROUP, "CreateSecurityGroup DeleteSecurityGroup CreateTags DeleteTags"),
        ("ec2", f"arn:aws:ec2:{_START}:vpc/vpc-0123456789abcdef0", "CreateSecurityGroup"),
        ("ec2", _GROUP, "AuthorizeSecurityGroupEgress RevokeSecurityGroupEgress"),
        ("ec2", _GROUP, "UpdateSecurityGroupRuleDescriptionsEgress"),
        # Of a function in a VPC Lambda asks for these in the name of who makes it.
        ("ec2", _ANY, "DescribeSecurityGroups DescribeSubnets DescribeVpcs"),
    ],
    "AWS::Events::Rule": [
        (
            "events",
            f"arn:aws:events:{_START}:rule/orders-prod-hourly",
            "PutRule DescribeRule DeleteRule PutTargets ListTargetsByRule RemoveTargets ListTagsForResource"
            f" {_TAGS}",
        )
    ],
    "AWS::IAM::Role": [
        (
            "iam",
            _ROLE,
            "CreateRole GetRole UpdateRole DeleteRole PutRolePolicy GetRolePolicy ListRolePolicies"
            " DeleteRolePolicy"
            " UpdateAssumeRolePolicy PutRolePermissionsBoundary ListAttachedRolePolicies ListRoleTags TagRole"
            " UntagRole",
        ),
        ("iam", _ROLE, "AttachRolePolicy DetachRolePolicy"),  # AWS's own, for VPC and X-Ray
        ("", _ROLE, "=iam:PassRole"),
    ],
    "AWS::KMS::Alias": [
        ("kms", f"arn:aws:kms:{_START}:alias/orders-prod-key", _ALIASES),
        ("kms", _KEY, _ALIASES),
        ("kms", _ANY, "ListAliases"),
    ],
    "AWS::KMS::Key": [
        ("kms", _ANY, "CreateKey"),
        (
            "kms",
            _KEY,
            "DescribeKey UpdateKeyDescription EnableKeyRotation GetKeyRotationStatus PutKeyPolicy"
            " GetKeyPolicy"
            f" ListResourceTags ScheduleKeyDeletion {_TAGS}",
        ),
    ],
    "AWS::Lambda::EventSourceMapping": [
        (
            "lambda",
            _MAPPING,
            "CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping"
            f" ListTags {_TAGS}",
        )
    ],
    "AWS::Lambda::Function": [
        (
            "lambda",
            _FUNCTION,
            "CreateFunction GetFunction GetFunctionConfiguration UpdateFunctionConfiguration DeleteFunction"
            " GetFunctionCodeSigningConfig GetFunctionRecursionConfig GetRuntimeManagementConfig"
            f" PutFunctionConcurrency DeleteFunctionConcurrency ListTags {_TAGS}",
        )
    ],
    "AWS::Lambda::Permission": [
        ("lambda", f"{_FUNCTION}:live", "AddPermission GetPolicy RemovePermission"),
        ("lambda", _FUNCTION, "AddPermission"),
    ],
    "AWS::Logs::LogGroup": [
        (
            "logs",
            arn,
            "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey"
            f" DisassociateKmsKey ListTagsForResource {_TAGS}",
        )
        for arn in (_LOGS, f"{_LOGS}:*", _LOGS.replace("/aws/lambda/", "/aws/apigateway/"))
    ]
    + [("logs", _ANY, "DescribeLogGroups")],
    "AWS::S3::Bucket": [
        (
            "s3",
            _BUCKET,
            "CreateBucket HeadBucket DeleteBucket PutBucketOwnershipControls PutPublicAccessBlock"
            " PutBucketEncryption PutBucketVersioning PutBucketLifecycleConfiguration PutBucketTagging"
            " GetBucketAccelerateConfiguration ListBucketAnalyticsConfigurations GetBucketAcl GetBucketCors"
            " GetBucketEncryption ListBucketIntelligentTieringConfigurations GetBucketLogging"
            " ListBucketInventoryConfigurations GetBucketLifecycleConfiguration GetBucketOwnershipControls"
            " ListBucketMetricsConfigurations GetBucketNotificationConfiguration GetObjectLockConfiguration"
            " GetPublicAccessBlock GetBucketReplication GetBucketTagging GetBucketVersioning"
            " GetBucketWebsite",
        ),
        ("s3control", _BUCKET, f"ListTagsForResource {_TAGS}"),
    ],
    "AWS::S3::BucketPolicy": [("s3", _BUCKET, "PutBucketPolicy GetBucketPolicy DeleteBucketPolicy")],
    "AWS::SNS::Topic": [
        (
            "sns",
            _TOPIC,
            "CreateTopic GetTopicAttributes SetTopicAttributes DeleteTopic GetDataProtectionPolicy"
            f" ListSubscriptionsByTopic ListTagsForResource {_TAGS}",
        )
    ],
    "AWS::SNS::TopicPolicy": [("sns", _TOPIC, "GetTopicAttributes SetTopicAttributes")],
    "AWS::SQS::Queue": [
        (
            "sqs",
            _QUEUE,
            "CreateQueue GetQueueUrl GetQueueAttributes SetQueueAttributes DeleteQueue ListQueueTags TagQueue"
            " UntagQueue",
        )
    ],
    "AWS::SQS::QueuePolicy": [("sqs", _QUEUE, "GetQueueAttributes SetQueueAttributes")],
}

PERMISSIONS: Final[Mapping[str, str]] = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListBucketAnalyticsConfigurations": "s3:GetAnalyticsConfiguration",
    "s3:ListBucketIntelligentTieringConfigurations": "s3:GetIntelligentTieringConfiguration",
    "s3:ListBucketInventoryConfigurations": "s3:GetInventoryConfiguration",
    "s3:ListBucketMetricsConfigurations": "s3:GetMetricsConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3control:ListTagsForResource": "s3:ListTagsForResource",
    "s3control:TagResource": "s3:TagResource",
    "s3control:UntagResource": "s3:UntagResource",
}
