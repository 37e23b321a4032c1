"""A fleet whose services are checked, and stand-ins for the two indexes of known flaws."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from release.cli.main import main
from tests.cli.worlds import FILES, SERVICE, Fleet

HANDLER = """\
'''The orders.'''


def handler(event: object, context: object) -> dict[str, int]:
    return {}
"""
TEST = """\
'''What orders must do.'''

from orders.handler import handler


def test_it() -> None:
    assert handler({}, None) == {}
"""
PYPROJECT = """\
[tool.mypy]
strict = true
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
"""
LOCK = "six==1.17.0 \\\n    --hash=sha256:" + "4" * 64 + "\n"
GOOD = {
    **FILES,
    "services/common/__init__.py": "",
    "services/common/log.py": "LEVEL: str = 'INFO'\n",
    "services/orders/orders/__init__.py": "",
    "services/orders/orders/handler.py": HANDLER,
    "services/orders/tests/test_handler.py": TEST,
    "services/orders/requirements.txt": LOCK,
    "pyproject.toml": PYPROJECT,
}
PACKAGE = {"name": "web", "version": "1.0.0", "scripts": {"lint": "node -e 0", "test": "node -e 0"}}
NEEDS = {
    "version": "1.0.0",
    "resolved": "http://127.0.0.1:9/left-1.0.0.tgz",
    "integrity": "sha512-" + "A" * 86 + "==",
}


def node_service(*, needs: bool = False, **scripts: str) -> dict[str, str]:
    """Files of a service `web`; scripts of its package.json, on top of lint and test.

    With `needs` it locks a package, which nobody can install.
    """
    own: dict[str, Any] = {"name": "web", "version": "1.0.0"}
    packages: dict[str, Any] = {"": {**own, "dependencies": {"left": "1.0.0"}} if needs else own}
    if needs:
        packages["node_modules/left"] = NEEDS
    lock = {**own, "lockfileVersion": 3, "requires": True, "packages": packages}
    package = {**PACKAGE, "scripts": {**PACKAGE["scripts"], **scripts}}  # type: ignore[dict-item]
    return {
        "services/web/service.yaml": SERVICE.replace("orders.handler.handler", "index.handler")
        .replace("orders", "web")
        .replace("python3.13", "nodejs22.x"),
        "services/web/template.yaml.j2": FILES["services/orders/template.yaml.j2"],
        "services/web/index.js": "exports.handler = async () => ({});\n",
        "services/web/package.json": json.dumps(package),
        "services/web/package-lock.json": json.dumps(lock),
    }


@dataclass(frozen=True)
class Answer:
    code: int
    document: dict[str, Any]
    err: str

    def of(self, service: str, check: str) -> Any:
        return self.document["services"][service][check]

    def outcome(self, service: str, check: str) -> str:
        return str(self.of(service, check)["outcome"])


def ask(fleet: Fleet, capsys: Any, *words: str) -> Answer:
    """`release check WORDS --json`."""
    capsys.readouterr()
    code = main(["-C", str(fleet.clone), "check", *words, "--json"])
    out, err = capsys.readouterr()
    return Answer(int(code), json.loads(out) if out else {}, err)


@dataclass
class Index:
    """Answers every question with `answer`, and remembers what was asked."""

    answer: Any
    asked: list[Any] = field(default_factory=list)
    port: int = 0


@contextmanager
def index(answer: Any) -> Iterator[Index]:
    """An HTTP server on loopback."""
    state = Index(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            state.asked.append((self.path, data))
            text = json.dumps(state.answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.send_error(404)  # npm looks for a version that mends it, and tries again after anything else

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
