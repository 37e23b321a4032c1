"""The services of the work tree as they are saved, and their stacks as they are on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from release.build.documents import Templates, stack_name, template_context
from release.config import load_pipelines, load_services, pick_pipeline, pipeline_services
from release.core.fingerprint import MACROS_FOLDER, TEMPLATE, service_folder
from release.core.models import Pipeline, Place, Service, Settings, Stage
from release.core.recipe import how_built
from release.errors import Misconfigured
from release.observe import work_tree_pipelines

LOCAL_ENV: Final = "local.env"
_IN_MEMORY: Final = frozenset({"sqlite://", "sqlite:///:memory:"})


@dataclass(frozen=True, slots=True)
class WorkTree:
    """What is run: the first stage of the pipeline, with what is different on this machine."""

    top: Path
    pipeline: Pipeline
    stage: Stage
    alias: str
    services: Mapping[str, Service]  # those that run here
    skipped: Mapping[str, str]  # service -> why it does not run here

    @property
    def place(self) -> Place:
        """Without a role: on this machine everybody is root of every account."""
        environment = self.stage.environment
        return Place(environment.account, environment.regions[0], None)

    def folder(self, service: str) -> Path:
        return self.top / service_folder(service)

    def stack(self, service: str) -> str:
        return stack_name(service, self.stage.name)

    def settings(self, service: str) -> Settings:
        return self.services[service].settings_for(self.stage.name)

    def template(self, service: str, templates: Templates) -> str:
        """The stack of a service. Raises Misconfigured that points at the line of the template."""
        file = f"{service_folder(service)}/{TEMPLATE}"
        try:
            text = (self.top / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(
                f"{file} cannot be read: {error}", fix="write it, as docs/templates.md shows", see=file
            ) from error
        context = template_context(self.services[service], self.stage.name, self.alias)
        return templates.render(text, file=file, macros=self._macros(), context=context)

    def _macros(self) -> Mapping[str, str]:
        folder = self.top / MACROS_FOLDER
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def read_work_tree(top: Path, databases: Path, *, pipeline: str | None) -> WorkTree:
    """Raises Misconfigured with every error of pipelines and services."""
    texts = work_tree_pipelines(top)
    pipelines = load_pipelines(texts.files, texts.odd)
    chosen = pick_pipeline(pipelines, pipeline)
    stages = [stage.name for one in pipelines.pipelines.values() for stage in one.stages]
    files = sorted((top / "services").glob("*/service.yaml"))
    loaded = load_services({path.relative_to(top).as_posix(): path.read_bytes() for path in files}, stages)
    names = pipeline_services(pipelines, list(loaded))[chosen.name]
    if not names:
        raise Misconfigured(
            "there are no services in this work tree",
            fix="add services/<name>/service.yaml, as docs/configuration.md shows",
            see=str(top / "services"),
        )
    stage = chosen.stages[0]
    here, skipped = {}, {}
    for name in names:
        if (how := how_built(loaded[name])) == "python":
            here[name] = _on_this_machine(loaded[name], stage.name, databases, top)
        else:
            skipped[name] = f"its code is built ({how}); only Python runs from the work tree"
    return WorkTree(top, chosen, stage, pipelines.alias, here, skipped)


def _on_this_machine(service: Service, stage: str, databases: Path, top: Path) -> Service:
    """No VPC and no X-Ray here; a database in memory becomes a file, so that migrations and seeds reach it;
    what local.env says wins.
    """
    settings = service.settings_for(stage)
    file = f"sqlite:///{databases / service.name}.db"
    environment = {
        name: file if value in _IN_MEMORY else value for name, value in settings.environment.items()
    }
    local = read_local_env(top / service_folder(service.name) / LOCAL_ENV)
    changed = replace(
        settings,
        vpc=False,
        tracing=None,
        environment={**environment, **local},
        secrets={name: arn for name, arn in settings.secrets.items() if name not in local},
    )
    return replace(service, settings={**service.settings, stage: changed})


def read_local_env(path: Path) -> Mapping[str, str]:
    """`NAME=value` lines; empty ones and those that begin with # do not count. Raises Misconfigured."""
    try:
        lines: Sequence[str] = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}", fix="make it text", see=str(path)) from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise Misconfigured(
                f"{path.name} has a line that is not NAME=value",
                fix="write it so, or begin it with #",
                see=f"{path}:{number}",
            )
        found[name.strip()] = value.strip()
    return found
