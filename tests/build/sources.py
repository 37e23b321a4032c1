"""A service's files as a builder takes them, without a repository."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from release.build.builder import Source
from release.build.target import LAMBDA, Target
from release.core.fingerprint import SourceFile
from release.core.models import Function
from tests.build import fleet

_NODE = Path(__file__).parent / "node"
PACKAGE = "services/price/package.json"
LOCK = "services/price/package-lock.json"
HANDLER = """\
import { log } from "../../common/log";
export const handler = async (event: { amount: number }) => {
  log("asked");
  return { statusCode: 200, price: event.amount * 2 };
};
"""


def source(
    files: Mapping[str, str | bytes],
    *,
    executable: Sequence[str] = (),
    handler: str = "src/price.handler",
    target: Target = LAMBDA,
    **facts: Any,
) -> Source:
    """The service `price` with these files of a repository."""
    service = replace(fleet.service("price"), functions=(Function("api", "price-{stage}", handler),), **facts)
    places = {
        path: path.removeprefix("services/price/").replace("services/common/", "common/") for path in files
    }
    return Source(
        service=service,
        files=[SourceFile(place, path in executable, path, path) for path, place in sorted(places.items())],
        blobs={path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()},
        target=target,
    )


def node_files(**more: str) -> dict[str, str | bytes]:
    """A TypeScript service that uses the shared core, with its lock file. `more` is by path."""
    return {
        PACKAGE: (_NODE / "package.json").read_text(),
        LOCK: (_NODE / "package-lock.json").read_text(),
        "services/price/src/price.ts": HANDLER,
        "services/common/log.ts": "export function log(text: string): void { console.log(text); }\n",
        **more,
    }
