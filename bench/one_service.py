"""One Python service as `release`, sam and chalice want it: a handler, and dependencies that are pinned.

The lock file is that of this repository's own config-service: aws-lambda-powertools, pydantic and what they
need.
"""

import platform
import sys
from collections.abc import Mapping

from bench.repositories import FLEET
from bench.workshop import ROOT

HANDLER = "prices/handler.py"
LOCK = ROOT / "services" / "config-service" / "requirements.txt"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
_ARCHITECTURES: Mapping[str, str] = {
    "x86_64": "x86_64",
    "AMD64": "x86_64",
    "aarch64": "arm64",
    "arm64": "arm64",
}
_ARCHITECTURE = _ARCHITECTURES.get(platform.machine(), "x86_64")
PLATFORM = {"x86_64": "manylinux2014_x86_64", "arm64": "manylinux2014_aarch64"}[_ARCHITECTURE]

_ENVIRONMENTS = """\
artifacts: {folder: ../artifacts}
alias: live
environments:
  dev: {account: "111111111111", regions: [us-east-1]}
  qa: {account: "222222222222", regions: [us-east-1]}
  prod: {account: "444444444444", regions: [us-east-1, us-west-2]}
"""
_SERVICE = f"""\
team: backend
owner: backend@acme.example
data_class: internal
cost_center: "4711"
runtime: {PYTHON}
architecture: {_ARCHITECTURE}
functions:
  api: {{name: "prices-{{stage}}", handler: prices.handler.handler}}
"""
_TEMPLATE = """\
{% extends "stack.j2" %}
{% import "function.j2" as lambda with context %}
{% block resources %}
{{ lambda.function("api") }}
{% endblock %}
{% block outputs %}
{{ lambda.outputs("api") }}
{% endblock %}
"""
CODE = """\
from aws_lambda_powertools import Logger
from pydantic import BaseModel

ROUND = {round}


class Price(BaseModel):
    amount: int


def handler(event, context):
    Logger().info("asked")
    return Price(amount=ROUND).model_dump()
"""
SAM = f"""\
Transform: AWS::Serverless-2016-10-31
Resources:
  Prices:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: handler.handler
      Runtime: {PYTHON}
      Architectures: [{_ARCHITECTURE}]
"""
# It runs the module to find the functions; what is imported inside them need not be installed for that.
CHALICE = """\
from chalice import Chalice

app = Chalice(app_name="prices")
ROUND = {round}


@app.lambda_function()
def handler(event, context):
    from aws_lambda_powertools import Logger
    from pydantic import BaseModel

    return ROUND
"""
CHALICE_CONFIG = '{"version": "2.0", "app_name": "prices", "stages": {"dev": {}}}\n'


def files() -> Mapping[str, str]:
    """Of the repository that `release` builds."""
    return {
        "pipelines/environments.yaml": _ENVIRONMENTS,
        "pipelines/fleet.yaml": FLEET,
        "services/prices/service.yaml": _SERVICE,
        "services/prices/template.yaml.j2": _TEMPLATE,
        "services/prices/requirements.txt": LOCK.read_text(),
        "services/prices/prices/__init__.py": "",
        f"services/prices/{HANDLER}": CODE.format(round=0),
    }


def pins() -> str:
    """Names and versions of the lock file: chalice does not take hashes."""
    lines = LOCK.read_text().splitlines()
    return "".join(line.partition(" ")[0] + "\n" for line in lines if line[:1].isalpha())
