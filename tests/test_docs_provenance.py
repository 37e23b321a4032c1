"""The page for auditors: its program gives our digest, and its names are those in the documents."""

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from release.build.archive import Member, archive
from release.core.components import Built
from release.core.provenance import BUILD_TYPE, statement
from release.core.sbom import AGGREGATES
from release.core.store_layout import KINDS, object_key

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "provenance.md").read_text(encoding="utf-8")


def test_the_program_on_the_page_gives_the_content_digest(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    members = [
        Member.of("größe.txt", b"text " * 99, executable=False, origin=""),
        Member.of("bin/run", b"#!/bin/sh\n", executable=True, origin=""),
    ]
    made = archive(members, of="orders")
    (tmp_path / "artifact.zip").write_bytes(made.data)
    command = [sys.executable, "-c", program, "artifact.zip"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == made.content
    with zipfile.ZipFile(io.BytesIO(made.data)) as opened:
        assert opened.testzip() is None


def test_every_kind_of_object_is_on_the_page_under_its_key() -> None:
    for kind in KINDS:
        assert f"`{object_key(kind, '0' * 64).replace('0' * 64, '<sha256>')}`" in PAGE


def test_the_fields_of_the_provenance_are_on_the_page() -> None:
    built = Built("orders", "a", "d", "f", "python3.13", "arm64", "lambda", ())
    made = statement(built, pipeline="fleet", commit="c", locks=(), versions={"zlib": "1"})
    predicate = json.loads(made)["predicate"]
    definition = predicate["buildDefinition"]
    assert definition["buildType"] == BUILD_TYPE and f"`{BUILD_TYPE}`" in PAGE
    fields = {*definition} - {"buildType"} | {"subject", "byproducts"}
    assert set(re.findall(r"^\| `(\w+)` \| (?!Python|Node)", PAGE, re.MULTILINE)) >= fields
    for name in (*definition["externalParameters"], *definition["internalParameters"]):
        assert f"`{name}`" in PAGE


def test_every_aggregate_of_the_bill_is_on_the_page() -> None:
    listed = re.findall(r"^\| `(complete|incomplete|unknown)` \|", PAGE, re.MULTILINE)
    assert listed == [*AGGREGATES.values()]
