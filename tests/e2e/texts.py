"""The files of a tiny repository: two services without dependencies, their pipeline, and a remote's hooks."""

from collections.abc import Mapping

SERVICES = ("orders", "stock")
PRIMARY, REPLICA = "us-east-1", "us-west-2"
REGIONS = (PRIMARY, REPLICA)
ARTIFACT_ACCOUNT = "999999999999"
BUCKET = "tiny-artifacts-{region}"

LINE = {
    "dev": "{name: dev, on: push, rollout: all-at-once}",
    "qa": "{name: qa, channel: qa, after: dev, rollout: all-at-once}",
    "uat": "{name: uat, channel: rc, after: qa, rollout: all-at-once}",
    "prod": "{name: prod, channel: gold, after: uat, rollout: all-at-once}",
}
# Enough for what a promotion to two regions has to show, and half of the commands.
SHORT = {
    "dev": LINE["dev"],
    "qa": LINE["qa"],
    "prod": "{name: prod, channel: gold, after: qa, rollout: all-at-once}",
}

SERVICE = """\
team: backend
owner: pricing@acme.example
data_class: internal
cost_center: "1"
runtime: python3.13
architecture: arm64
functions:
  api: {{name: "{name}-{{stage}}", handler: {name}.handler.handler}}
settings:
  default: {{memory: 128, timeout: 10, environment: {{LOG_LEVEL: INFO}}}}
"""
HANDLER = '''\
"""Says which release it is."""

RELEASE = "1"


def handler(event, context):
    return {"statusCode": 200, "body": RELEASE}
'''
# The least that `release` rolls out, so that a stack settles at once. The condition makes the last step of a
# first deployment a real update, as triggers that name the alias would.
TEMPLATE = """\
Parameters:
  AliasExists: {Type: String, Default: "false"}
Conditions:
  HasAlias: !Equals [!Ref AliasExists, "true"]
Resources:
{% for key, function in functions.items() %}
  {{ key | title }}Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: {{ function.name }}
      Role: !Sub "arn:aws:iam::${AWS::AccountId}:role/function"
      Runtime: {{ service.runtime }}
      Handler: {{ function.handler }}
      MemorySize: {{ settings.memory }}
      Timeout: {{ settings.timeout }}
      Environment: {Variables: {{ settings.environment | tojson }}}
      Code: {ZipFile: "raise RuntimeError('the placeholder')"}
  {{ key | title }}Permission:
    Type: AWS::Lambda::Permission
    Condition: HasAlias
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Sub "${ {{- key | title -}} Function.Arn}:{{ alias }}"
      Principal: events.amazonaws.com
{% endfor %}
"""
GIT_CONFIG = """\
[user]
    name = Ana Developer
    email = ana@acme.example
[init]
    defaultBranch = main
[commit]
    gpgSign = false
[tag]
    gpgSign = false
"""
HOOK = """\
#!/bin/sh
# Notes every push; the push whose number stands in hang-{side} gets no further until it is killed.
cat > /dev/null
cd {control} || exit 1
date +%s.%N >> pushes-{side}
number=$(($(wc -l < pushes-{side})))
if [ -e hang-{side} ] && [ "$number" = "$(cat hang-{side})" ]; then
    touch hanging
    exec sleep 100
fi
if [ {side} = before ] && [ -e gate ]; then
    touch "gate/$$"
    while [ -e gate ] && [ ! -e gate-open ]; do sleep 0.02; done
fi
exit 0
"""


def service(name: str) -> dict[str, str]:
    """The files of one service."""
    return {
        f"services/{name}/service.yaml": SERVICE.format(name=name),
        f"services/{name}/template.yaml.j2": TEMPLATE,
        f"services/{name}/{name}/__init__.py": "",
        f"services/{name}/{name}/handler.py": HANDLER,
    }


def pipelines(accounts: Mapping[str, str], stages: Mapping[str, str]) -> dict[str, str]:
    lines = [
        f'artifacts: {{account: "{ARTIFACT_ACCOUNT}", bucket: "{BUCKET}"}}',
        "alias: live",
        "environments:",
    ]
    for name, account in accounts.items():
        regions = ", ".join(REGIONS if name == "prod" else (PRIMARY,))
        role = f"arn:aws:iam::{account}:role/release-deploy"
        lines.append(f'  {name}: {{account: "{account}", regions: [{regions}], role: "{role}"}}')
    fleet = ['services: ["*"]', 'tags: "v{version}"', "branches: [main]", "stages:"]
    fleet += [f"  - {stage}" for stage in stages.values()]
    return {
        "pipelines/environments.yaml": "\n".join(lines) + "\n",
        "pipelines/fleet.yaml": "\n".join(fleet) + "\n",
    }
