"""Renders a service's CloudFormation template with jinja2 and checks what came out.

The same input gives the same text on every machine: no clock, no randomness, no environment. Macros come from
the release's commit first and from the tool second: a repository may bring its own, and an older commit keeps
rendering with those it had.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
import yaml
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from release.core.fingerprint import MACROS_FOLDER
from release.core.infra_apply import MAX_TEMPLATE
from release.errors import Misconfigured

# Owned by `release` and by nobody else: a stack update of an alias resets where it points
# (docs/architecture.md).
_NOT_CLOUDFORMATIONS = frozenset({"AWS::Lambda::Alias", "AWS::Lambda::Version"})
_RANDOM_FILTERS = ("random",)
_RANDOM_GLOBALS = ("lipsum",)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CloudFormationTemplates:
    """Renders with the given macros as a fallback. Implements release.build.documents.Templates."""

    def __init__(self, macros: Mapping[str, str]) -> None:
        self._fallback = macros

    def render(self, text: str, *, file: str, macros: Mapping[str, str], context: Mapping[str, Any]) -> str:
        """The template of one service in one stage.

        `file` is the template's path in the repository, for errors; `macros` are those of the commit, by name
        below `templates/cloudformation`. Raises Misconfigured that points at the line of the template or
        macro.
        """
        return self.render_placed(text, file=file, macros=macros, context=context)[0]

    def render_placed(
        self, text: str, *, file: str, macros: Mapping[str, str], context: Mapping[str, Any]
    ) -> tuple[str, Callable[[int], str]]:
        """As `render`, and which file:line of a template gave a line of the text (from 1)."""
        names = {name: f"{MACROS_FOLDER}/{name}" for name in (*self._fallback, *macros)}
        sources = {names[name]: text for name, text in (dict(self._fallback) | dict(macros)).items()}
        names[file], sources[file] = file, text
        environment = _environment(names, sources)
        try:
            rendered = _render(environment, file, sources, context)
        except Misconfigured:
            raise
        except RecursionError as error:
            raise _wrong("the template includes or calls itself without an end", file) from error
        except jinja2.TemplateSyntaxError as error:
            raise _wrong(
                str(error.message), f"{names.get(error.name or file, file)}:{error.lineno}"
            ) from error
        except jinja2.TemplateNotFound as error:
            raise Misconfigured(
                f"there is no macro file {error.name!r}",
                fix=f"create {MACROS_FOLDER}/{error.name}, or use one of: {', '.join(sorted(names))}",
                see=_innermost(error, sources, file),
            ) from error
        except _Refused as error:
            raise Misconfigured(
                str(error.message),
                fix="do without it, or bring a macro that builds it",
                see=f"{file.rpartition('/')[0]}/service.yaml",
                details=[f"refused by {place}" for place in reversed(_trace(error, sources))],
            ) from error
        except jinja2.UndefinedError as error:
            raise Misconfigured(
                str(error.message),
                fix=f"correct the name; known are {', '.join(sorted(context))} and what is set or imported",
                see=_innermost(error, sources, file),
                details=_callers(error, sources),
            ) from error
        except Exception as error:  # whatever a filter or an expression of the template raises
            raise Misconfigured(
                f"{type(error).__name__} in the template: {error}",
                fix="correct the template",
                see=_innermost(error, sources, file),
                details=_callers(error, sources),
            ) from error
        _check(rendered)
        return rendered.text, lambda line: rendered.place(line - 1)


class _Refused(jinja2.TemplateRuntimeError):
    """A macro called `refuse(why)`: the service asks for what this macro does not build."""


_Place = tuple[str, int]  # path of a template or macro file, line from 1


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What came out, and which line of which template each piece came from."""

    file: str
    text: str
    pieces: Sequence[tuple[str, _Place]]
    sources: Mapping[str, str]

    def place(self, line: int) -> str:
        """file:line that gave a line of the text (from 0).

        Exact for what a template says literally; for what a macro or a variable gave, the line that called
        it.
        """
        at, found = 0, (self.file, 1)
        for text, (file, first) in self.pieces:
            if at > line:
                break
            # jinja notes no line for literal text: look for it from the last line that is noted.
            source = self.sources[file]
            begins = source.find(text, len("".join(source.splitlines(keepends=True)[: first - 1])))
            literal = begins >= 0 and bool(text.strip())
            found = (file, source.count("\n", 0, begins) + 1 + line - at if literal else first)
            if not literal and (own := self._only_line(line, source)) is not None:
                found = (file, own)
            at += text.count("\n")
        return f"{found[0]}:{found[1]}"

    def _only_line(self, line: int, source: str) -> int | None:
        """The line of a source that says the same as a line of the text, where there is exactly one."""
        said = self.text.split("\n")[line].strip()
        same = [number for number, one in enumerate(source.splitlines(), 1) if one.strip() == said]
        return same[0] if said and len(same) == 1 else None


def _render(
    environment: jinja2.Environment, file: str, sources: Mapping[str, str], context: Mapping[str, Any]
) -> _Rendered:
    template = environment.get_template(file)
    _refuse_what_goes_nowhere(environment, file, sources)
    pieces: list[tuple[str, _Place]] = []
    stream = template.root_render_func(template.new_context(dict(context)))
    try:
        pieces.extend((text, _speaking(stream, file)) for text in stream)
    except Exception:
        environment.handle_exception()  # raises it again, with lines of templates in the traceback
    return _Rendered(file, "".join(text for text, _ in pieces), pieces, sources)


def _refuse_what_goes_nowhere(environment: jinja2.Environment, file: str, sources: Mapping[str, str]) -> None:
    """Of a template that extends another, jinja drops without a word what no block of the other takes.

    Raises Misconfigured that points at its line.
    """
    own = environment.parse(sources[file])
    frame = _extended(own)
    if frame is None:
        return
    known: set[str] = set()
    seen = {file}
    above: str | None = frame
    while above is not None:
        if above in seen:  # rendering ends in an error of its own, here and where there is no such file
            return
        seen.add(above)
        try:
            template = environment.get_template(above)
        except jinja2.TemplateNotFound:
            return
        known |= set(template.blocks)
        above = _extended(environment.parse(sources[str(template.filename)]))
    for node in own.body:
        if isinstance(node, nodes.Block) and node.name not in known:
            cause, line = f"{frame} has no block {node.name}: what is in it goes nowhere", node.lineno
        elif isinstance(node, nodes.Output) and (at := next(filter(None, map(_speaks_at, node.nodes)), 0)):
            cause, line = f"this is in no block of {frame}: it goes nowhere", at
        else:
            continue
        fix = f"put it into one of its blocks: {', '.join(sorted(known))}"
        raise Misconfigured(cause, fix=fix, see=f"{file}:{line}")


def _extended(template: nodes.Template) -> str | None:
    """The name of what it extends, where it is said as it is."""
    found = template.find(nodes.Extends)
    if found is None or not isinstance(found.template, nodes.Const):
        return None
    return str(found.template.value)


def _speaks_at(node: nodes.Node) -> int:
    """The line of its first word; 0: there is none. Comments between blocks are for whoever reads it."""
    if not isinstance(node, nodes.TemplateData):
        return node.lineno
    lines = enumerate(node.data.splitlines(), node.lineno)
    return next((number for number, line in lines if line.strip() and not line.lstrip().startswith("#")), 0)


@cache  # asked for every piece that a template gives
def _lines(debug_info: str) -> tuple[tuple[int, int], ...]:
    """Line of the template, line of what jinja has compiled it to."""
    pairs = (pair.split("=") for pair in debug_info.split("&") if pair)
    return tuple((int(own), int(compiled)) for own, compiled in pairs)


def _speaking(stream: Any, file: str) -> _Place:
    """Where a suspended template is: innermost in the service's own file, or else innermost of all."""
    found: list[_Place] = []
    while (frame := getattr(stream, "gi_frame", None)) is not None and "debug_info" in frame.f_globals:
        lines = _lines(frame.f_globals["debug_info"])
        line = max((own for own, compiled in lines if compiled <= frame.f_lineno), default=1)
        found.append((frame.f_code.co_filename, line))
        stream = stream.gi_yieldfrom
    return next((place for place in reversed(found) if place[0] == file), found[-1] if found else (file, 1))


def _check(rendered: _Rendered) -> None:
    """Raises Misconfigured unless this is a CloudFormation template that `release` can roll out."""
    text = rendered.text
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = min(error.problem_mark.line if error.problem_mark else 0, text.count("\n"))
        raise Misconfigured(
            f"the rendered template is not YAML: {error.problem or error.context}",
            fix="correct the template; mind the indentation of what macros give",
            see=rendered.place(line),
            details=[f"rendered line {line + 1}: {text.split(chr(10))[line].strip()}"],
        ) from error
    except yaml.YAMLError as error:
        raise _wrong(f"the rendered template is not YAML: {error}", rendered.file) from error
    problems: list[tuple[int, str]] = []
    top = _mapping(root, problems)
    resources = _mapping(top.get("Resources"), problems)
    if not resources:
        problems.append((0, "it has no mapping Resources with anything in it"))
    if "AliasExists" not in _mapping(top.get("Parameters"), problems):
        problems.append((0, "it lacks the parameter AliasExists: whether triggers may name the alias"))
    for name, node in resources.items():
        kind = _mapping(node, problems).get("Type")
        if kind is None:
            problems.append((node.start_mark.line, f"the resource {name} has no Type"))
        elif kind.value in _NOT_CLOUDFORMATIONS:
            problems.append((kind.start_mark.line, f"{name} is an {kind.value}, which release alone may own"))
    size = len(text.encode())
    if size > MAX_TEMPLATE:
        problems.append((0, f"it has {size:,} bytes; CloudFormation takes {MAX_TEMPLATE:,} inline"))
    if problems:
        lines = sorted(problems)
        raise Misconfigured(
            f"the template {rendered.file} cannot be rolled out",
            fix="correct the template",
            see=rendered.place(lines[0][0]),
            details=[f"{rendered.place(line)}: {problem}" for line, problem in lines],
        )


def _environment(names: Mapping[str, str], sources: Mapping[str, str]) -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(
            lambda name: (sources[names[name]], names[name], lambda: True) if name in names else None
        ),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the output is YAML; nothing of it reaches a browser
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["refuse"] = _refuse
    for name in _RANDOM_FILTERS:
        del environment.filters[name]
    for name in _RANDOM_GLOBALS:
        del environment.globals[name]
    return environment


def _refuse(why: str) -> str:
    raise _Refused(why)


def _trace(error: BaseException, sources: Mapping[str, str]) -> Sequence[str]:
    """file:line of every template that was being rendered, outermost first."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in sources:
            found.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found


def _innermost(error: BaseException, sources: Mapping[str, str], file: str) -> str:
    return (_trace(error, sources) or [file])[-1]


def _callers(error: BaseException, sources: Mapping[str, str]) -> Sequence[str]:
    return [f"called from {place}" for place in reversed(_trace(error, sources)[:-1])]


def _mapping(node: yaml.Node | None, problems: list[tuple[int, str]]) -> dict[str, Any]:
    """Keys and nodes of a mapping; {} for anything else. A key that stands twice is a problem: YAML keeps the
    last.
    """
    found: dict[str, Any] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in found:
                problems.append((key.start_mark.line, f"{key.value} stands there twice"))
            found[key.value] = value
    return found


def _wrong(cause: str, see: str) -> Misconfigured:
    return Misconfigured(cause, fix="correct the template", see=see)
