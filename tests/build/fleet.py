"""Small services, their pipeline and their wheels, made for one test."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from release.build.archive import Archive
from release.build.installer import Installation, uv_install
from release.build.python import PythonBuilder, Source
from release.core.models import (
    AllAtOnce,
    Environment,
    Function,
    Pipeline,
    Service,
    Settings,
    Smoke,
    Stage,
)
from release.core.models import Source as Place

TEMPLATE = """\
Parameters:
  AliasExists: {Type: String, Default: "false"}
Resources:
{% for key, function in functions.items() %}
  {{ key | title }}:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: {{ function.name }}
      Handler: {{ function.handler }}
      MemorySize: {{ settings.memory }}
      Environment: {Variables: {{ settings.environment | tojson }}}
{% endfor %}
"""


def service(
    name: str = "orders", *, runtime: str = "python3.13", settings: Settings | None = None
) -> Service:
    return Service(
        name=name,
        team="backend",
        owner="team@example.invalid",
        data_class="internal",
        cost_center="1",
        runtime=runtime,
        architecture="arm64",
        functions=(Function("api", f"{name}-{{stage}}", f"{name}.handler.handler"),),
        settings={"default": settings or Settings(environment={"COLOUR": "a-value-that-may-be-secret"})},
        smoke=Smoke(),
        source=Place(f"services/{name}/service.yaml", 1, ""),
    )


def pipeline(*stages: str, regions: tuple[str, ...] = ("us-east-1",)) -> Pipeline:
    environment = Environment("everywhere", "111111111111", regions, None)
    place = Place("pipelines/fleet.yaml", 1, "")
    return Pipeline(
        name="fleet",
        services=("*",),
        tag_prefix="v",
        branches=("main",),
        stages=tuple(
            Stage(
                name=stage,
                environment=environment,
                trigger="button",
                channel=None,
                after=None,
                gates=(),
                rollouts={region: AllAtOnce() for region in regions},
                verify=(),
                source=place,
            )
            for stage in stages or ("qa", "prod")
        ),
        source=place,
    )


def files(name: str = "orders", *, lock: str | None = None) -> dict[str, str]:
    """The files of a service as a repository has them."""
    made = {
        f"services/{name}/service.yaml": "team: backend\n",
        f"services/{name}/template.yaml.j2": TEMPLATE,
        f"services/{name}/{name}/__init__.py": "",
        f"services/{name}/{name}/handler.py": "from common import log\n\n\n"
        f"def handler(event, context):\n    return {name!r}, log.LEVEL\n",
        f"services/{name}/tests/test_handler.py": "def test_nothing(): ...\n",
        "services/common/__init__.py": "",
        "services/common/log.py": "LEVEL = 'INFO'\n",
    }
    return made if lock is None else made | {f"services/{name}/requirements.txt": lock}


@dataclass
class CountingBuilder:
    """A real builder that remembers what it was asked for."""

    cache: Path | None = None
    sources: list[Source] = field(default_factory=list)
    installations: list[Installation] = field(default_factory=list)

    def __call__(self, source: Source) -> Archive:
        self.sources.append(source)
        return PythonBuilder(cache=self.cache, install=self.install)(source)

    def install(self, asked: Installation, into: Path) -> None:
        self.installations.append(asked)
        uv_install(asked, into)


@dataclass(frozen=True)
class Wheels:
    """A folder of wheels made here, for uv to find without a network."""

    folder: Path

    def add(
        self,
        name: str,
        version: str = "1.0",
        *,
        tag: str = "py3-none-any",
        requires: str | None = None,
        script: bool = False,
        files: Mapping[str, str] | None = None,
    ) -> str:
        """Make a wheel. Returns its line for a lock file."""
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += f"Requires-Dist: {requires}\n" if requires else ""
        content = dict(files) if files is not None else {f"{name}.py": f"TAG = {tag!r}\n"}
        content |= {
            f"{info}/METADATA": metadata,
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        if script:
            content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:main\n"
        content[f"{info}/RECORD"] = "".join(
            f"{path},{_hash(text)},{len(text)}\n" for path, text in content.items()
        )
        content[f"{info}/RECORD"] += f"{info}/RECORD,,\n"
        wheel = self.folder / f"{name}-{version}-{tag}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in content.items():
                archive.writestr(path, text)
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def _hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
