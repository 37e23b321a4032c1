"""The parts of ministack that the adapter reads or replaces.

Import this module only after the environment of the server is set: ministack reads it while it is imported.
"""

import importlib
from importlib import metadata
from typing import Any

from release.sandbox.compatibility import check_version

check_version(metadata.version("ministack"))

app: Any = importlib.import_module("ministack.app")
iam_actions: Any = importlib.import_module("ministack.core.iam_actions")
iam_evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
lambda_runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
responses: Any = importlib.import_module("ministack.core.responses")
apigateway: Any = importlib.import_module("ministack.services.apigateway")
apigateway_v1: Any = importlib.import_module("ministack.services.apigateway_v1")
cloudformation: Any = importlib.import_module("ministack.services.cloudformation")
cloudformation_handlers: Any = importlib.import_module("ministack.services.cloudformation.handlers")
cloudformation_provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
cloudformation_stacks: Any = importlib.import_module("ministack.services.cloudformation.stacks")
cloudwatch: Any = importlib.import_module("ministack.services.cloudwatch")
dynamodb: Any = importlib.import_module("ministack.services.dynamodb")
iam: Any = importlib.import_module("ministack.services.iam")
lambda_service: Any = importlib.import_module("ministack.services.lambda_svc")
s3: Any = importlib.import_module("ministack.services.s3")
sts: Any = importlib.import_module("ministack.services.sts")

# What a control-plane function of ministack answers: status, headers, body.
Answer = tuple[int, dict[str, str], bytes]


def refusal(code: str, message: str, status: int) -> Answer:
    """An error in the shape of the AWS JSON protocols."""
    answer: Answer = responses.error_response_json(code, message, status)
    return answer
