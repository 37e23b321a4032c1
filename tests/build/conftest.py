import json
from pathlib import Path

import pytest

from tests.build.fleet import Wheels


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheels:
    """A folder of wheels that uv looks into instead of the network."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    configuration = tmp_path / "wheels.toml"
    configuration.write_text(f"no-index = true\nfind-links = [{json.dumps(str(folder))}]\n")
    monkeypatch.setenv("UV_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return Wheels(folder)
