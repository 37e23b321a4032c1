"""`services/*/service.yaml`: what is deployed, and the rules that hold between services."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, NamedTuple, cast

from release.config import builds, hooks, reader, settings, values
from release.config.problems import Problems, one_of, shown, shown_place
from release.config.reader import Value
from release.config.yaml_source import Table
from release.core.models import NAMING, Function, Service, Smoke, Source

_FILE = re.compile(r"services/([^/]+)/service\.(yaml|yml)", re.IGNORECASE)
_STAGE: Final = "{stage}"
_REQUIRED: Final = ("team", "owner", "data_class", "cost_center", "runtime", "architecture", "functions")
_OPTIONAL: Final = ("build", "settings", "smoke", "migrations", "no_auto_rollback", "naming")
_ARCHITECTURES: Final = ("arm64", "x86_64")
_RUNTIMES: Final = (
    *("python3.11", "python3.12", "python3.13", "python3.14"),
    *("nodejs22.x", "nodejs24.x"),
    *("provided.al2023", "provided.al2"),
)
LONGEST_FUNCTION_NAME: Final = 64  # Lambda CreateFunction, FunctionName
# S3 wants letters, digits and hyphens; no other kind of resource wants less.
_NAMING = re.compile(r"(?:[A-Za-z0-9-]|\{(?:service|stage|resource|team)\})+")
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PYTHON_HANDLER = values.Grammar(
    re.compile(r"[A-Za-z_]\w*(?:[./][A-Za-z_]\w*)*\.[A-Za-z_]\w*", re.ASCII),
    "is not a handler",
    "write module.function, as in price_fetcher.handler.handler",
)
# The runtime's client splits the file's name at its first dot: aws-lambda-nodejs-runtime-interface-client.
_NODE_HANDLER = values.Grammar(
    re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-]+\.[A-Za-z_$][\w$]*", re.ASCII),
    "is not a handler",
    "write file.export, as in src/price.handler",
)
_ANY_HANDLER = values.Grammar(re.compile(r"\S+"), "is not a handler", "write it without white space")
_LONGEST_HANDLER: Final = 128
_LONGEST_SMOKE: Final = timedelta(minutes=15)  # as long as a function may run


class NamedFunction(NamedTuple):
    """A name that a service gives to a function, and where: names must differ in the whole fleet."""

    owner: str  # "price-fetcher/api"
    source: Source
    pattern: str


def load_services(texts: Mapping[str, bytes], stages: Iterable[str]) -> Mapping[str, Service]:
    """`services/*/service.yaml` (repository path -> content) as frozen models, by name, sorted.

    `stages` are the names of all stages of all pipelines. Raises ConfigurationErrors with every error.
    """
    problems = Problems()
    known_stages = tuple(dict.fromkeys(stages))
    services: dict[str, Service] = {}
    functions: list[NamedFunction] = []
    for file in sorted(texts):
        name = service_name(file, problems)
        if name is None:
            continue
        found = read_service(name, file, texts[file], known_stages, problems)
        if found is not None:
            services[name] = found[0]
            functions += found[1]
    check_names(functions, known_stages, problems)
    problems.raise_any()
    return dict(sorted(services.items()))


def service_name(file: str, problems: Problems) -> str | None:
    """Which service a file configures. None: none, or under a name that is not read, which is a problem."""
    match = _FILE.fullmatch(file)
    if match is None:
        return None
    if not file.endswith("/service.yaml"):
        problems.add(Source(file, 1, ""), "only service.yaml is read", "rename it to service.yaml")
        return None
    return match[1]


def read_service(
    name: str, file: str, data: bytes, stages: tuple[str, ...], problems: Problems
) -> tuple[Service, Sequence[NamedFunction]] | None:
    """One service, and the names of its functions for `check_names`.

    Depends on nothing but these arguments. None, or placeholders in the service, where something is wrong,
    which is then among the problems.
    """
    value = reader.read_file(file, data, problems)
    if value is None:
        return None
    functions: list[NamedFunction] = []
    return _service(name, value, stages, functions), functions


def _service(name: str, value: Value, stages: tuple[str, ...], functions: list[NamedFunction]) -> Service:
    if values.NAME.pattern.fullmatch(name) is None or len(name) > values.LONGEST_NAME:
        value.wrong(f"the folder's name {shown(name)} {values.NAME.what}", values.NAME.fix)
    known = reader.fields(value, _REQUIRED, _OPTIONAL)
    team = reader.text(known.get("team"), values.TAG_VALUE) or ""
    runtime = _runtime(known.get("runtime"))
    architecture = reader.choice(known.get("architecture"), _ARCHITECTURES, "an architecture")
    return Service(
        name=name,
        team=team,
        owner=reader.text(known.get("owner"), values.TAG_VALUE) or "",
        data_class=reader.text(known.get("data_class"), values.TAG_VALUE) or "",
        cost_center=reader.text(known.get("cost_center"), values.TAG_VALUE) or "",
        runtime=runtime or "",
        architecture=cast('Literal["arm64", "x86_64"]', architecture),
        functions=_functions((name, team), known.get("functions"), runtime, stages, functions),
        settings=settings.read(known.get("settings"), stages),
        smoke=_smoke(known.get("smoke")),
        source=value.source,
        build=builds.read(known.get("build"), known.get("runtime"), runtime),
        migration=hooks.migration(known.get("migrations"), _entries(known.get("functions"))),
        freezes=reader.choice(known.get("no_auto_rollback"), ("freeze",), "a way not to go back") is not None,
        naming=_naming(known.get("naming")),
    )


def _naming(value: Value | None) -> str:
    pattern = reader.text(value)
    if value is None or pattern is None:
        return NAMING
    missing = [one for one in (_STAGE, "{resource}") if one not in pattern]
    if missing:
        value.wrong(f"{shown(pattern)} has no {missing[0]}", "put it in, as in {stage}-{resource}-{team}")
    elif _NAMING.fullmatch(pattern) is None:
        what = f"{shown(pattern)} cannot name every kind of resource"
        value.wrong(what, "use letters, digits, '-', {service}, {stage}, {resource} and {team}")
    return pattern


def _entries(value: Value | None) -> reader.Fields:
    """What is wrong with the functions is said where they are read."""
    return reader.table(value) or {} if value is not None and isinstance(value.node, Table) else {}


def _runtime(value: Value | None) -> str | None:
    runtime = reader.text(value)
    if value is None or runtime is None:
        return None
    if runtime not in _RUNTIMES:
        value.wrong(f"the runtime {shown(runtime)} is not known", one_of(runtime, _RUNTIMES))
        return None
    return runtime


def _functions(
    named: tuple[str, str],
    value: Value | None,
    runtime: str | None,
    stages: tuple[str, ...],
    functions: list[NamedFunction],
) -> tuple[Function, ...]:
    entries = reader.table(value)
    if value is None or entries is None:
        return ()
    if not entries:
        value.wrong("names no function", "add one, as in api: {name: …, handler: …}")
    families = {"python": _PYTHON_HANDLER, "nodejs": _NODE_HANDLER}
    handlers = next((families[each] for each in families if (runtime or "").startswith(each)), _ANY_HANDLER)
    found = []
    for key, entry in entries.items():
        if values.WORD.pattern.fullmatch(key) is None or len(key) > values.LONGEST_NAME:
            entry.wrong(f"{shown(key)} {values.WORD.what}", values.WORD.fix)
        known = reader.fields(entry, ("name", "handler"))
        pattern = _function_name(known.get("name"), named, stages)
        handler = reader.text(known.get("handler"), handlers, _LONGEST_HANDLER)
        if pattern is not None:
            functions.append(NamedFunction(f"{named[0]}/{key}", known["name"].source, pattern))
            found.append(Function(key, pattern, handler or ""))
    return tuple(found)


def _function_name(value: Value | None, named: tuple[str, str], stages: tuple[str, ...]) -> str | None:
    pattern = reader.text(value)
    if value is None or pattern is None:
        return None
    if _STAGE not in pattern:
        value.wrong(
            f"{shown(pattern)} names one function for all stages", "put {stage} into it, as in api-{stage}"
        )
        return None
    service, team = named
    pattern = pattern.replace("{service}", service).replace("{team}", team)
    longest = max(stages, key=len, default="stage")
    filled = pattern.replace(_STAGE, longest)
    if _FUNCTION_NAME.fullmatch(filled) is None:
        what = f"{shown(pattern)} cannot be the name of a Lambda function"
        value.wrong(what, "use letters, digits, '-', '_', {service}, {stage} and {team}")
        return None
    if len(filled) > LONGEST_FUNCTION_NAME:
        what = f"{shown(filled)} has {len(filled)} characters; {LONGEST_FUNCTION_NAME} are the most"
        value.wrong(what, "shorten it")
        return None
    return pattern


def check_names(functions: Iterable[NamedFunction], stages: tuple[str, ...], problems: Problems) -> None:
    """No two functions of a fleet have one name in a stage."""
    reported: set[str] = set()
    for stage in stages or ("stage",):
        first: dict[str, NamedFunction] = {}
        for function in functions:
            name = function.pattern.replace(_STAGE, stage)
            before = first.setdefault(name, function)
            if before is not function and function.owner not in reported:
                reported.add(function.owner)
                also = f"{before.owner} ({shown_place(before.source)})"
                what = f"in {stage} the function {shown(name)} is also {also}"
                problems.add(function.source, what, "give each function a name of its own")


def _smoke(value: Value | None) -> Smoke:
    if value is None:
        return Smoke()
    known = reader.fields(value, (), ("payload", "timeout", "critical", "expect"))
    payload, expect = known.get("payload"), known.get("expect")
    length = reader.duration(known.get("timeout"), longest=_LONGEST_SMOKE)
    critical = known.get("critical")
    names = reader.texts(critical, values.WORD) if critical is not None and not _is_empty(critical) else ()
    given = Smoke()
    return Smoke(
        payload=given.payload if reader.table(payload) is None or payload is None else reader.plain(payload),
        timeout=given.timeout if length is None else int(length.total_seconds()),
        critical=names or (),
        expect=given.expect if reader.table(expect) is None or expect is None else reader.plain(expect),
    )


def _is_empty(value: Value) -> bool:
    """An empty list says on purpose that no dependency is critical."""
    return getattr(value.node, "items", None) == ()
