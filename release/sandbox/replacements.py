"""Properties that only a new resource can have, of types with data for which ministack has no such list.

Without one it calls every change of theirs a conditional replacement in a change set. The lists are
`createOnlyProperties` of https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html;
a test compares them with the schemas.
"""

from collections.abc import Mapping
from typing import Final

REPLACED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::KMS::Key": (),
    "AWS::Kinesis::Stream": ("Name",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::S3::Bucket": ("BucketName", "BucketNamePrefix", "BucketNamespace"),
    "AWS::SecretsManager::Secret": ("Name",),
}
