"""The files of a new service: `templates/service` of the installation, and the shared core they need."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from release.core.scaffold import KindName

_FOR_ALL: Final = "all"
_PACKAGE: Final = "PACKAGE"  # a folder of this name gets that of the service's package
_LOCK: Final = "requirements.txt"
_RENDERED: Final = ".j2"
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)==", re.MULTILINE)
_IMPORTS = re.compile(r"(?:^from \S+ import [^(\n]+\n)+", re.MULTILINE)


class FolderServiceTemplates:
    """Implements release.new.scaffold.ServiceTemplates.

    `folder` has a folder for each kind, and one for all of them; `core` is the shared core. `render` renders
    a file by its name below `folder`.
    """

    def __init__(self, folder: Path, core: Path, render: Callable[[str, Mapping[str, object]], str]) -> None:
        self._folder = folder
        self._core = core
        self._render = render

    def packages(self) -> Sequence[str]:
        return _PINNED.findall(self._text(self._folder / _FOR_ALL / _LOCK))

    def render(self, kind: KindName, words: Mapping[str, object]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for part in (_FOR_ALL, kind):
            for path in sorted((self._folder / part).rglob("*")):
                if path.is_file():
                    inside = path.relative_to(self._folder / part)
                    name = "/".join(str(words["package"]) if one == _PACKAGE else one for one in inside.parts)
                    text = self._filled(path, words)
                    name = name.removesuffix(_RENDERED)
                    found[name] = _in_order(text) if name.endswith(".py") else text
        return found

    def shared_core(self) -> Mapping[str, bytes]:
        return {
            path.relative_to(self._core).as_posix(): path.read_bytes()
            for path in sorted(self._core.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    def _filled(self, path: Path, words: Mapping[str, object]) -> str:
        if path.suffix != _RENDERED:
            return self._text(path)
        return self._render(path.relative_to(self._folder).as_posix(), words)

    def _text(self, path: Path) -> str:
        return path.read_text(encoding="utf-8")


def _in_order(text: str) -> str:
    """Imports sorted: where those of the service's package stand depends on its name."""
    return _IMPORTS.sub(lambda block: "".join(sorted(block[0].splitlines(keepends=True))), text)
