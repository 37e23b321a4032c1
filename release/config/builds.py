"""`build:` of a service: what its artifact is made of and how, where the runtime does not say it."""

import re
from datetime import timedelta
from typing import Final

from release.config import reader
from release.config.problems import path_part, shown
from release.config.reader import Value
from release.config.values import Grammar
from release.core.models import Build, Source

_KEYS: Final = ("include", "command", "output", "timeout", "minify", "source_maps", "external")
_BUNDLER: Final = ("minify", "source_maps", "external")
_LONGEST: Final = timedelta(hours=1)
_INSIDE = r"(?!/)(?!(?:.*/)?\.{0,2}(?:/|$))"  # a path in its folder: no empty part, `.` or `..`

_INCLUDE = Grammar(
    re.compile(_INSIDE + r"[^\\\x00-\x1f\x7f]+"),
    "is not a pattern of files in the repository",
    "write it from the repository's top, as in services/common/rates/*.json",
)
_OUTPUT = Grammar(
    re.compile(_INSIDE + r"[A-Za-z0-9._/-]+", re.ASCII),
    "is not a folder in the service's folder",
    "write it from there, as in dist",
)
_ARGUMENT = Grammar(re.compile(r"[^\x00]+"), "cannot be an argument", "take the empty one or the NUL out")
# Names by "package.json, name" in the documentation of the npm CLI; one `*` by esbuild's `--external`
_PACKAGE = Grammar(
    re.compile(r"(?=[^*]*\*?[^*]*$)(?:@[a-z0-9~][a-z0-9._~-]*/)?[A-Za-z0-9~*][A-Za-z0-9._~*/-]*", re.ASCII),
    "is not the name of a package",
    "write it as package.json does, with * for any rest, as in @aws-sdk/*",
)


def read(value: Value | None, place: Value | None, runtime: str | None) -> Build:
    """`place` is where the service names its runtime: some runtimes have no builder of their own."""
    given = Build()
    known = {} if value is None else reader.fields(value, (), _KEYS)
    command, output = _command(known.get("command")), reader.text(known.get("output"), _OUTPUT)
    if value is not None:
        for one, other in (("command", "output"), ("output", "command")):
            if one in known and other not in known:
                missing = Source(value.file, value.line, "/".join(map(path_part, (*value.path, other))))
                value.problems.add(missing, f"is missing beside `{one}`", f"add `{other}:`")
    has_none = not {"command", "output"} & known.keys()
    if place is not None and runtime is not None and runtime.startswith("provided.") and has_none:
        fix = "add `build: {command: [go, build, -o, dist/bootstrap, .], output: dist}` or the like"
        place.wrong(f"{shown(runtime)} runs what a command builds, and there is none", fix)
    for key in _BUNDLER:
        if key in known and runtime is not None and ("command" in known or not runtime.startswith("nodejs")):
            known[key].wrong("only works for a Node service without a command", "take the line out")
    include = known.get("include")
    external = known.get("external")
    timeout = reader.duration(known.get("timeout"), longest=_LONGEST)
    minify, maps = reader.boolean(known.get("minify")), reader.boolean(known.get("source_maps"))
    return Build(
        include=(reader.texts(include, _INCLUDE) if include is not None else None) or (),
        command=command,
        output=output,
        timeout=given.timeout if timeout is None else int(timeout.total_seconds()),
        minify=given.minify if minify is None else minify,
        source_maps=given.source_maps if maps is None else maps,
        external=given.external if external is None else _packages(external),
    )


def _command(value: Value | None) -> tuple[str, ...] | None:
    """No shell reads it: a text would have to be split by somebody's rules."""
    items = reader.listing(value)
    if items is None:
        return None
    words = [reader.text(item, _ARGUMENT) for item in items]
    return tuple(word for word in words if word is not None) if None not in words else None


def _packages(value: Value) -> tuple[str, ...]:
    """An empty list says on purpose that everything is bundled."""
    if reader.listing(value, may_be_empty=True) == ():
        return ()
    return reader.texts(value, _PACKAGE) or ()
