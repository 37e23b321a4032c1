"""What a start of the command line costs before it does anything: `--version`."""

from importlib import metadata

from bench.model import Contenders, Goal, Row
from bench.workshop import Workshop, floor

_A_VERSION = r"\d+\.\d+"


def _contenders(shop: Workshop) -> Contenders:
    folder = shop.home
    return [
        shop.ours("--version", folder=folder, shows=_A_VERSION),
        floor(
            "minimal click program",
            shop.program("start_minimal_click", "--version", folder=folder),
            version=f"click {metadata.version('click')}",
            shows=_A_VERSION,
        ),
        shop.peer("aws-sam-cli", "--version", script="sam", folder=folder, shows=_A_VERSION),
        shop.peer("awscli", "--version", script="aws", folder=folder, shows=_A_VERSION),
        shop.peer("chalice", "--version", folder=folder, shows=_A_VERSION),
        shop.peer("nox", "--version", folder=folder, shows=_A_VERSION),
        shop.peer("commitizen", "version", script="cz", folder=folder, shows=_A_VERSION),
        shop.peer(
            "python-semantic-release", "--version", script="semantic-release", name="python-semantic-release",
            folder=folder, shows=_A_VERSION,
        ),
    ]  # fmt: skip


ROWS = (
    Row(
        "cli-start",
        "start of the command line: `--version`",
        _contenders,
        goals=(Goal(1.3, "minimal click program"), Goal(0.6, "sam")),
        rounds=21,
    ),
)
