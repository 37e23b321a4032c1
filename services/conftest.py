"""Import roots of the services, as in the function: the service's own folder, then `services/`."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

for root in [*sorted(p.parent for p in HERE.glob("*/service.yaml")), HERE]:
    if str(root) not in sys.path:
        sys.path.append(str(root))


@pytest.fixture(autouse=True)
def nobodys_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the caller's AWS: neither profile nor endpoint, and credentials that open nothing."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
