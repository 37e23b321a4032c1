"""The same small world twice, in memory and in the sandbox, so that fake and adapter meet the same tests."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any, Protocol

from release.adapters.aws import Aws
from release.adapters.lambda_functions import LambdaFunctions
from release.core import canonical
from release.core.models import Place
from release.core.snapshot import AliasFacts
from release.ports import Functions, ZipFile
from tests.fakes.aws import FakeFunctions

NAME = "orders"
SOURCE = "def handler(event, context):\n    return {'release': %r, 'version': context.function_version}\n"


def zipped(folder: Path, release: int) -> tuple[ZipFile, str]:
    """A function's code that says its release, and its digest."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (1980, 1, 1, 0, 0, 0)), SOURCE % release)
    path = folder / f"{release}.zip"
    path.write_bytes(buffer.getvalue())
    return ZipFile(path), canonical.sha256(buffer.getvalue())


class FunctionsWorld(Protocol):
    """A place with the function `orders`, and what others do to it."""

    functions: Functions
    place: Place

    def somebody_changes_the_function(self) -> None: ...

    def somebody_splits_traffic(self, alias: str, to: str) -> None: ...

    def somebody_moves_the_alias(self, alias: str, to: str) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.place = Place("111111111111", "us-east-1")
        self.fake = FakeFunctions()
        self.functions: Functions = self.fake
        self.fake.add_function(self.place, NAME)

    def somebody_changes_the_function(self) -> None:
        self.fake.change_function(self.place, NAME, configuration="another memory size")

    def somebody_splits_traffic(self, alias: str, to: str) -> None:
        self.fake.change_alias(self.place, NAME, alias, weights={to: 0.1})

    def somebody_moves_the_alias(self, alias: str, to: str) -> None:
        self.fake.change_alias(self.place, NAME, alias, lambda_version=to, description="by hand")


class SandboxWorld:
    """`account` is what the credentials in the environment belong to."""

    def __init__(self, account: str, folder: Path) -> None:
        self.place = Place(account, "us-east-1")
        self.aws = Aws()
        self.functions: Functions = LambdaFunctions(self.aws)
        self.client: Any = self.aws.client(self.place, "lambda")
        self.client.create_function(
            FunctionName=NAME,
            Runtime="python3.13",
            Handler="app.handler",
            Role=self._execution_role(),
            Timeout=10,
            Code={"ZipFile": zipped(folder, 0)[0].path.read_bytes()},
        )
        self.functions.settled(self.place, NAME)

    def _execution_role(self) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        iam: Any = self.aws.client(self.place, "iam")
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        role: str = iam.create_role(RoleName="function", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        return role

    def somebody_changes_the_function(self) -> None:
        self.client.update_function_configuration(FunctionName=NAME, MemorySize=512)
        self.functions.settled(self.place, NAME)

    def somebody_splits_traffic(self, alias: str, to: str) -> None:
        self.client.update_alias(
            FunctionName=NAME, Name=alias, RoutingConfig={"AdditionalVersionWeights": {to: 0.1}}
        )

    def somebody_moves_the_alias(self, alias: str, to: str) -> None:
        self.client.update_alias(FunctionName=NAME, Name=alias, FunctionVersion=to, Description="by hand")


def released(world: FunctionsWorld, folder: Path, release: int) -> str:
    """Update, settle, publish, settle. Returns the lambda version."""
    functions, place = world.functions, world.place
    code, digest = zipped(folder, release)
    latest = functions.settled(place, NAME)
    functions.update_code(place, NAME, code, digest=digest, revision=latest.revision)
    latest = functions.settled(place, NAME)
    version = functions.publish(
        place, NAME, code=digest, revision=latest.revision, description=f"release {release}"
    )
    functions.settled(place, NAME, version)
    return version


def live(world: FunctionsWorld, version: str) -> AliasFacts:
    return world.functions.create_alias(
        world.place, NAME, "live", lambda_version=version, description=f"at {version}"
    )
