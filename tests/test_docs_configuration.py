"""docs/configuration.md and the loader say the same: examples load, every key is known and described."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.config import ConfigurationErrors, load_pipelines, load_services, pipeline_services

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SERVICE = "services/price-fetcher/service.yaml"


def examples() -> list[dict[str, bytes]]:
    """The configurations that the page shows: each block is a file that replaces or joins those before."""
    texts: dict[str, bytes] = {}
    found = []
    for block in re.findall(r"^```yaml\n(.*?)^```", CONFIGURATION, re.MULTILINE | re.DOTALL):
        name = block.partition("\n")[0].removeprefix("# ")
        assert re.fullmatch(r"pipelines/\w+\.yaml|services/[\w-]+/service\.yaml", name), name
        texts[name] = block.encode()
        if name == "pipelines/payments.yaml":
            # The page says that the other pipeline must then leave these services alone.
            alone = {path: text for path, text in texts.items() if path != "pipelines/fleet.yaml"}
            found.append(alone)
            del texts[name]
        elif "pipelines/fleet.yaml" in texts:
            found.append(dict(texts))
    return found


def test_the_examples_of_the_configuration_load() -> None:
    loaded = examples()
    for texts in loaded:
        pipelines = load_pipelines(texts)
        stages = [stage.name for pipeline in pipelines.pipelines.values() for stage in pipeline.stages]
        if "dev" in stages:
            services = load_services(texts, stages)
            pipeline_services(pipelines, services)
    assert len(loaded) >= 5
    assert any(SERVICE in texts for texts in loaded)


ENVIRONMENTS = """\
artifacts: {{account: "999999999999", bucket: "b-{{region}}"{artifacts}}}
environments:
  dev: {{account: "111111111111", regions: [us-east-1]{environment}}}
notifications: [{{slack: HOOK{recipient}}}]
{top}
"""
PIPELINE = """\
services: ["*"]
tags: "v{{version}}"
branches: [main]
stages:
  - name: dev
    rollout: {{canary: [100], bake: 1m{rollout}}}
    gates: {{soak: 1h{gate}}}
    verify: [{{command: a{verify}}}]
{stage}
{top}
"""
SERVICE_TEXT = """\
team: a
owner: a
data_class: a
cost_center: a
runtime: python3.13
architecture: arm64
functions: {{api: {{name: "a-{{stage}}", handler: a.b{function}}}}}
settings: {{default: {{alarms: {{errors: 1{alarms}}}, capacity: {{read: 1{capacity}}}{settings}}}}}
smoke: {{timeout: 1s{smoke}}}
build: {{timeout: 1s{build}}}
migrations: {{command: a{migrations}}}
{top}
"""


def known_keys() -> Iterator[tuple[str, frozenset[str]]]:
    """For every mapping with fixed keys: what the loader itself says there is to choose from."""
    places = {
        "pipelines/environments.yaml": (ENVIRONMENTS, ("artifacts", "environment", "recipient", "top")),
        "pipelines/fleet.yaml": (PIPELINE, ("rollout", "gate", "verify", "stage", "top")),
        SERVICE: (
            SERVICE_TEXT,
            ("function", "settings", "alarms", "capacity", "smoke", "build", "migrations", "top"),
        ),
    }
    for file, (_, holes) in places.items():
        for hole in holes:
            slip = {"top": "zzz: 1", "stage": "    zzz: 1"}.get(hole, ", zzz: 1")
            texts = {}
            for path, (template, names) in places.items():
                filled = dict.fromkeys(names, "") | ({hole: slip} if path == file else {})
                texts[path] = template.format(**filled).encode()
            with pytest.raises(ConfigurationErrors) as raised:
                load_services(texts, ["dev"]) if file == SERVICE else load_pipelines(texts)
            (problem,) = [one for one in raised.value.problems if one.source.path.endswith("zzz")]
            choice = re.search(r"one of: ([^)]*)", problem.fix)
            assert choice, problem.fix
            yield f"{file}: {hole}", frozenset(choice[1].split(", "))


def key_tables() -> list[list[str]]:
    """The first column of each table of keys, one list a table."""
    text = CONFIGURATION.partition("## Beside service.yaml")[0]
    tables = re.split(r"\n\n(?=\| key)", text)[1:]
    return [re.findall(r"^\| `([^`]+)` \|", table.partition("\n\n")[0], re.MULTILINE) for table in tables]


def test_every_key_that_the_loader_knows_is_documented_at_its_place() -> None:
    under = {
        "artifacts": "artifacts.",
        "environment": "environments.NAME.",
        "function": "functions.KEY.",
        "capacity": "capacity.",
    }
    asked = dict(known_keys())
    missing = []
    for place, keys in asked.items():
        prefix = under.get(place.split()[-1], "")
        if not any({prefix + key for key in keys} <= set(table) for table in key_tables()):
            missing.append(f"no table has {prefix}{{{', '.join(sorted(keys))}}}")
    assert len(asked) == 17
    assert not missing, "\n".join(missing)


def test_every_key_in_the_tables_of_the_configuration_is_known() -> None:
    cells = [cell for table in key_tables() for cell in table]
    # The other kinds of artifact store and of rollout than the slips above are made in.
    known = {"folder", "linear"}.union(*dict(known_keys()).values())

    assert len(cells) > 40
    assert {cell.split(".")[-1] for cell in cells} <= known


def test_the_pipelines_of_this_repository_load_and_can_be_acted_on() -> None:
    files = {f"pipelines/{path.name}": path.read_bytes() for path in (ROOT / "pipelines").glob("*.yaml")}
    pipelines = load_pipelines(files)

    assert [stage.name for stage in pipelines.pipelines["fleet"].stages] == ["dev", "qa", "uat", "prod"]
    assert all(one.role for one in pipelines.environments.values()), "one identity must reach every account"
