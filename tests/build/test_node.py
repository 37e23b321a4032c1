"""TypeScript becomes a bundle that node runs: real npm and esbuild, from npm's cache or the registry."""

import io
import json
import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.build.archive import Archive
from release.build.node import NodeBuilder
from release.build.npm import NpmInstall, explain, npm_environment, npm_install, read_npm_lock
from release.build.process import Ended
from release.core.models import Build, Function
from release.errors import Misconfigured, ReleaseError, Unavailable
from tests.absent import absent
from tests.build.sources import LOCK, PACKAGE, node_files, source

NODE = "nodejs22.x"
AS_MODULE = json.dumps({**json.loads(node_files()[PACKAGE]), "type": "module"})


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> NpmInstall:
    """Installs what npm has installed once."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            absent(f"{program} is not on this machine")
    kept = tmp_path_factory.mktemp("npm") / "node_modules"

    def install(folder: Path, packages: Any, **facts: Any) -> None:
        npm_install(folder, packages, **facts)
        (folder / "node_modules").rename(kept)
        linked(folder, packages)

    def linked(folder: Path, packages: Any, **facts: Any) -> None:
        shutil.copytree(kept, folder / "node_modules", copy_function=os.link, symlinks=True)

    try:
        build(node_files(), install)
    except Unavailable as error:
        absent(f"esbuild is not in npm's cache, and cannot be fetched: {error}")
    return linked


def build(files: dict[str, str | bytes], install: NpmInstall = npm_install, **facts: Any) -> Archive:
    return NodeBuilder(install)(source(files, **{"runtime": NODE, **facts}))


def refused(files: dict[str, str | bytes], install: NpmInstall = npm_install, **facts: Any) -> ReleaseError:
    with pytest.raises(ReleaseError) as raised:
        build(files, install, **facts)
    assert isinstance(raised.value, Misconfigured)
    return raised.value


def unpacked(made: Archive) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(made.data)) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def answer(made: Archive, folder: Path, file: str, event: Any) -> Any:
    """What node answers to an event, from nothing but the archive."""
    with zipfile.ZipFile(io.BytesIO(made.data)) as opened:
        opened.extractall(folder)
    script = (
        f"import({json.dumps(str(folder / file))}).then(async m => console.log('=' + JSON.stringify("
        f"await (m.handler ?? m.default.handler)({json.dumps(event)}))))"
    )
    ended = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True, cwd=folder)
    return json.loads(ended.stdout.rpartition("=")[2])


# what a bundle is


def test_a_typescript_handler_and_the_shared_core_become_one_file(npm: NpmInstall, tmp_path: Path) -> None:
    made = build(node_files(), npm)
    files = unpacked(made)
    assert list(files) == ["src/price.js"]
    assert "number" not in files["src/price.js"], "types are gone"
    assert answer(made, tmp_path, "src/price.js", {"amount": 21}) == {"statusCode": 200, "price": 42}


def test_three_builds_give_the_same_bytes(
    npm: NpmInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = Build(source_maps=True, minify=False)
    digests = {build(node_files(), npm, build=maps).digest}
    for number, (zone, umask) in enumerate((("Pacific/Kiritimati", 0o077), ("America/New_York", 0o002))):
        monkeypatch.setenv("TZ", zone)
        monkeypatch.setenv("LC_ALL", "C")
        temporary = tmp_path / ("long " * number + "ä")
        temporary.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        monkeypatch.chdir(temporary)
        before = os.umask(umask)
        try:
            made = build(dict(reversed(node_files().items())), npm, build=maps)
        finally:
            os.umask(before)
        assert str(temporary) not in "".join(unpacked(made).values())
        digests.add(made.digest)
    assert len(digests) == 1


def test_an_es_module_may_ask_for_what_node_has_in_the_older_way(npm: NpmInstall, tmp_path: Path) -> None:
    older = 'const os = require("os"); module.exports.log = () => os.EOL;\n'
    files = node_files(**{"services/common/log.js": older, PACKAGE: AS_MODULE})
    del files["services/common/log.ts"]
    made = build(files, npm)
    assert list(unpacked(made)) == ["src/price.mjs"]
    assert answer(made, tmp_path, "src/price.mjs", {"amount": 1})["price"] == 2


def test_every_handler_has_a_file_of_its_own(npm: NpmInstall) -> None:
    files = node_files(**{"services/price/jobs/clean/up.mjs": "export const handler = async () => 1;\n"})
    handlers = ("src/price.handler", "src/price.other", "jobs/clean/up.handler")
    functions = tuple(Function(f"f{n}", f"f{n}-{{stage}}", each) for n, each in enumerate(handlers))
    one = source(files, runtime="nodejs24.x")
    made = NodeBuilder(npm)(replace(one, service=replace(one.service, functions=functions)))
    assert sorted(unpacked(made)) == ["jobs/clean/up.js", "src/price.js"]


def test_the_sdk_of_the_runtime_stays_outside_unless_it_is_asked_for(npm: NpmInstall) -> None:
    uses = 'import { S3 } from "@aws-sdk/client-s3";\nexport const handler = async () => new S3({});\n'
    files = node_files(**{"services/price/src/price.ts": uses})
    assert 'require("@aws-sdk/client-s3")' in unpacked(build(files, npm))["src/price.js"]
    error = refused(files, npm, build=Build(external=()))
    assert error.cause == 'price cannot be bundled: Could not resolve "@aws-sdk/client-s3"'
    assert error.see == "services/price/src/price.ts:1"
    assert "package.json" in error.fix


def test_a_source_map_and_included_data_stand_beside_the_bundle(npm: NpmInstall) -> None:
    files = node_files(**{"services/common/rates/eu.json": "{}", "services/price/data/x.txt": "x"})
    options = Build(minify=False, source_maps=True, include=("services/common/rates/*.json",))
    made = unpacked(build(files, npm, build=options))
    assert sorted(made) == ["common/rates/eu.json", "src/price.js", "src/price.js.map"]
    assert made["src/price.js"].endswith("//# sourceMappingURL=price.js.map\n")
    assert "../../repository/services/price/src/price.ts" in json.loads(made["src/price.js.map"])["sources"]


def test_aliases_of_tsconfig_lead_to_the_shared_core(npm: NpmInstall, tmp_path: Path) -> None:
    paths = '{"compilerOptions": {"paths": {"@core/*": ["../common/*"]}}}'
    handler = str(node_files()["services/price/src/price.ts"]).replace("../../common/log", "@core/log")
    made = build(
        node_files(**{"services/price/tsconfig.json": paths, "services/price/src/price.ts": handler}), npm
    )
    assert answer(made, tmp_path, "src/price.js", {"amount": 3})["price"] == 6


# what is refused


def test_a_mistake_in_the_code_is_named_with_its_file_and_line(npm: NpmInstall) -> None:
    error = refused(node_files(**{"services/common/log.ts": "\nexport funct log() {}\n"}), npm)
    assert error.cause == 'price cannot be bundled: Unexpected "funct"'
    assert error.see == "services/common/log.ts:2"
    assert any("export funct log" in line for line in error.details)
    assert not any("/tmp" in line for line in error.details)


def test_a_name_that_another_file_does_not_export_is_an_error(npm: NpmInstall) -> None:
    error = refused(node_files(**{"services/common/log.ts": "import 'node:fs';\n"}), npm)
    assert "log" in error.cause
    assert error.see == "services/price/src/price.ts:1"


def test_a_configuration_that_extends_what_is_not_there_is_an_error(npm: NpmInstall) -> None:
    files = node_files(**{"services/price/tsconfig.json": '{"extends": "../../tsconfig.base.json"}'})
    error = refused(files, npm)
    assert "Cannot find base config file" in error.cause
    assert error.see == "services/price/tsconfig.json:1"
    assert "build.include" in error.fix
    build(files | {"tsconfig.base.json": "{}"}, npm)


def test_nothing_above_the_commit_configures_or_enters_a_bundle(
    npm: NpmInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = node_files(
        **{"services/common/log.ts": "import './side';\nexport const log = (_: string) => {};"}
    )
    files["services/common/side.ts"] = "console.log('side');"
    before = build(files, npm)
    (tmp_path / "tsconfig.json").write_text('{"compilerOptions": {"paths": {"./side": ["/etc/hosts"]}}}')
    (tmp_path / "package.json").write_text('{"sideEffects": false, "type": "module"}')
    (tmp_path / "node_modules/foreign").mkdir(parents=True)
    (tmp_path / "node_modules/foreign/index.js").write_text("module.exports = 1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert build(files, npm).digest == before.digest
    files["services/common/side.ts"] = "import 'foreign';"
    error = refused(files, npm)
    assert error.cause == "price imports files that are in no commit, but on this machine"
    assert error.details == (str(tmp_path / "node_modules/foreign/index.js"),)


def test_no_workspace_above_takes_part_in_an_installation(
    npm: NpmInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del npm  # has filled npm's cache, or there is nothing to install from
    above = {"name": "above", "version": "1.0.0", "workspaces": ["release-build-*/repository/services/*"]}
    (tmp_path / "package.json").write_text(json.dumps(above))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert list(unpacked(build(node_files()))) == ["src/price.js"]


def test_a_lock_file_out_of_step_is_named_with_what_is_missing(npm: NpmInstall) -> None:
    package = json.loads(node_files()[PACKAGE])
    package["dependencies"] = {"left-pad": "1.3.0"}
    error = refused(node_files(**{PACKAGE: json.dumps(package)}))
    assert error.cause == f"{PACKAGE} and {LOCK} are out of step"
    assert [line for line in error.details if "left-pad@1.3.0" in line] == list(error.details)


def test_other_bytes_than_the_lock_pins_are_refused(npm: NpmInstall) -> None:
    lock = json.loads(node_files()[LOCK])
    lock["packages"]["node_modules/esbuild"]["integrity"] = "sha512-" + "A" * 86 + "=="
    with pytest.raises(ReleaseError) as raised:
        build(node_files(**{LOCK: json.dumps(lock)}))
    # Offline npm does not know these bytes; with a network it knows that they are others.
    assert isinstance(raised.value, Misconfigured | Unavailable)
    assert raised.value.see == LOCK


def test_esbuild_without_a_program_for_this_machine_says_how_to_lock_again(npm: NpmInstall) -> None:
    lock = json.loads(node_files()[LOCK])
    lock["packages"] = {path: entry for path, entry in lock["packages"].items() if "/@esbuild/" not in path}
    del lock["packages"]["node_modules/esbuild"]["optionalDependencies"]
    error = refused(node_files(**{LOCK: json.dumps(lock)}))
    assert error.cause.startswith("esbuild came without its program for this machine")
    assert "--include=optional" in error.fix


@pytest.mark.parametrize("file", [PACKAGE, LOCK])
def test_a_service_without_files_of_npm_is_told_how_to_get_them(file: str) -> None:
    files = node_files()
    del files[file]
    error = refused(files)
    assert error.cause == f"price has the runtime {NODE} and no {file}"
    assert error.fix.startswith("in services/price: npm install --save-dev --save-exact")


def test_a_lock_file_without_esbuild_is_told_how_to_get_it() -> None:
    lock = json.dumps({"lockfileVersion": 3, "packages": {"": {}}})
    error = refused(node_files(**{LOCK: lock}))
    assert error.cause == f"{LOCK} has no esbuild, which bundles price"
    assert "esbuild" in error.fix


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({}, "the handler src/nowhere of price is no file of this commit"),
        (
            {"services/price/src/nowhere.ts": "", "services/price/src/nowhere.mjs": ""},
            "the handler src/nowhere of price is each of src/nowhere.ts, src/nowhere.mjs",
        ),
    ],
)
def test_a_handler_is_one_file(more: dict[str, str], what: str) -> None:
    assert refused(node_files(**more), handler="src/nowhere.handler").cause == what


def test_a_runtime_that_esbuild_has_no_target_for_is_refused() -> None:
    assert "nodejs18.x, which has no builder" in refused(node_files(), runtime="nodejs18.x").cause


# lock files


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"version": "1.0.0"}, "node_modules/x: has no integrity"),
        ({"integrity": "sha1-abc="}, "node_modules/x: has a weak hash alone (sha1)"),
        ({"resolved": "git+ssh://somewhere/x.git#abc"}, "node_modules/x: has no integrity"),
        ({"link": True, "resolved": "../x"}, "node_modules/x: is a folder beside the lock file"),
        ("1.0.0", "node_modules/x: is no description of a package"),
    ],
)
def test_every_package_is_pinned_by_a_strong_hash(entry: Any, what: str) -> None:
    lock = json.dumps({"lockfileVersion": 3, "packages": {"": {}, "node_modules/x": entry}}, indent=1)
    with pytest.raises(Misconfigured) as raised:
        read_npm_lock(lock.encode(), file=LOCK)
    assert raised.value.details[0].startswith(f"{LOCK}:5: {what}")
    assert raised.value.see == f"{LOCK}:5"


def test_a_package_within_another_one_is_pinned_with_it() -> None:
    lock = json.dumps({"lockfileVersion": 2, "packages": {"node_modules/x": {"inBundle": True}}})
    assert list(read_npm_lock(lock.encode(), file=LOCK)) == ["node_modules/x"]


@pytest.mark.parametrize(
    "lock",
    ["", "[]", "{}", '{"lockfileVersion": 1, "packages": {}}', '{"lockfileVersion": 3, "packages": 1}'],
)
def test_what_is_no_lock_file_is_refused(lock: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        read_npm_lock(lock.encode(), file=LOCK)
    assert raised.value.see == LOCK


# what npm says and sees


@pytest.mark.parametrize(
    ("said", "kind", "cause"),
    [
        ("npm error code EINTEGRITY\nnpm error sha512-x", Misconfigured, "the registry serves other bytes"),
        ("npm error code E401", Misconfigured, "the registry refused access"),
        ("npm error code E404\nnpm error 404 no such", Misconfigured, "npm cannot install a package"),
        ("npm error code ENOTCACHED", Unavailable, "not every package of"),
        ("npm error code EAI_AGAIN", Unavailable, "the packages of"),
        ("npm error code E503", Unavailable, "the packages of"),
        ("npm error something new", Misconfigured, "npm cannot install"),
    ],
)
def test_what_npm_says_becomes_a_cause_and_a_way_out(said: str, kind: type, cause: str) -> None:
    error = explain(Ended(1, said), name="services/price", hide=Path("/tmp/x"))
    assert type(error) is kind
    assert error.cause.startswith(cause)
    assert error.fix
    assert error.see == LOCK


def test_npm_that_hangs_is_worth_another_try() -> None:
    error = explain(Ended(None, ""), name="services/price", hide=Path("/tmp/x"))
    assert isinstance(error, Unavailable)


def test_npm_learns_how_to_reach_a_registry_and_nothing_that_chooses_packages() -> None:
    given = {
        "PATH": "/bin",
        "HTTPS_PROXY": "x",
        "npm_config_registry": "x",
        "NPM_CONFIG_CACHE": "x",
        "npm_config_//npm.example/:_authToken": "x",
        "npm_config_ignore_scripts": "false",
        "npm_config_omit": "dev",
        "NODE_OPTIONS": "--require ./evil.js",
        "NODE_ENV": "production",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    assert set(npm_environment(given)) - {"LC_ALL", "NO_COLOR"} == set(list(given)[:5])
