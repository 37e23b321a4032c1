"""The services of one commit, read again only where a blob is new.

What a service.yaml means depends on its path, its bytes (which their blob id names), the stages there are and
the program that reads it. All of these are the key of what is remembered, so that it cannot be stale. Only a
fleet without any error is remembered, as JSON: data, which cannot run, whatever somebody made of it.
`pipelines/` is never remembered: what closes a gate is always read from what git gives (docs/decisions/0014).
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from release.config import files
from release.config.problems import Problems
from release.config.services import NamedFunction, check_names, read_service, service_name
from release.config.yaml_source import reads_with
from release.core import collector, models, names
from release.core.models import Build, Function, Migration, Odd, Service, Settings, Smoke, Source
from release.ports import Repo

_KIND: Final = "services"
_PLAIN: Final = Build()
_Row: TypeAlias = list[Any]  # a service as JSON; `_row` and `_service` are each other's inverse
_Rows: TypeAlias = dict[str, tuple[str, _Row]]  # path -> blob id and row


def load_committed(
    repo: Repo, blobs: Mapping[str, str], stages: Iterable[str], odd: Mapping[str, Odd] | None = None
) -> Mapping[str, Service]:
    """`services/*/service.yaml` (repository path -> blob id) as frozen models, by name, sorted.

    `odd` is what stands in the place of such a file. Says the same, in the same words, as `load_services`
    does with the contents. Raises ConfigurationErrors with every error, and what the repository raises.
    """
    known_stages = tuple(dict.fromkeys(stages))
    wanted = dict(sorted(blobs.items()))
    with collector.at_rest():
        if not odd and (remembered := _recall(repo, _key(wanted, known_stages), known_stages)) is not None:
            rows = {file: row for file, (_, row) in remembered.items()}
            if services := _services(rows):
                return services
        return _read(repo, wanted, known_stages, odd or {})


def _read(
    repo: Repo, wanted: Mapping[str, str], stages: tuple[str, ...], odd: Mapping[str, Odd]
) -> Mapping[str, Service]:
    problems = Problems()
    files.complain(odd, problems)
    names = {file: name for file in wanted if (name := service_name(file, problems)) is not None}
    before = _recall(repo, None, stages) or {}
    rows: _Rows = {
        file: known for file in names if (known := before.get(file)) is not None and known[0] == wanted[file]
    }
    services = _services({file: row for file, (_, row) in rows.items()})
    if services is None:
        rows, services = {}, {}
    functions = [function for file, (_, row) in rows.items() for function in _named(names[file], file, row)]
    contents = _contents(repo, {file: wanted[file] for file in names if file not in rows}, problems)
    for file, data in contents.items():
        found = read_service(names[file], file, data, stages, problems)
        if found is not None:
            services[names[file]] = found[0]
            functions += found[1]
            rows[file] = (wanted[file], _row(*found))
    # What was remembered and what was just read take turns in the messages as the files do.
    functions.sort(key=lambda function: function.source.file)
    check_names(functions, stages, problems)
    problems.raise_any()
    if contents or len(rows) != len(before):
        _remember(repo, _key(wanted, stages), stages, rows)
    return dict(sorted(services.items()))


def _contents(repo: Repo, blobs: Mapping[str, str], problems: Problems) -> Mapping[str, bytes]:
    """Bytes by path, without what is too large: its size is asked for before its content."""
    sizes = repo.sizes(blobs.values())
    large = {file for file, blob in blobs.items() if sizes[blob] > models.LARGEST_FILE}
    files.complain(dict.fromkeys(large, "large"), problems)
    found = repo.blobs([blob for file, blob in blobs.items() if file not in large])
    return {file: found[blob] for file, blob in blobs.items() if file not in large}


# -- what is remembered --------------------------------------------------------------------------------


@cache
def _reader() -> str:
    """Names the program that reads: with another one, nothing that is remembered counts."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(f"{sys.version_info[:3]} {reads_with()}".encode())
    for source in (*sorted(folder.glob("*.py")), Path(models.__file__), Path(names.__file__)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _key(blobs: Mapping[str, str], stages: Sequence[str]) -> str:
    facts = [_reader(), list(stages), list(blobs.items())]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _recall(repo: Repo, key: str | None, stages: Sequence[str]) -> _Rows | None:
    """What was remembered by this key, or last of all; None where that is nothing that is understood."""
    data = repo.recall(_KIND, key)
    if data is None:
        return None
    try:
        document = json.loads(data)
        if document["reader"] != _reader() or document["stages"] != list(stages):
            return None
        if key is not None and document["key"] != key:
            return None
        return {file: (blob, row) for file, (blob, row) in document["services"].items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _remember(repo: Repo, key: str, stages: Sequence[str], rows: _Rows) -> None:
    document = {
        "key": key,
        "reader": _reader(),
        "stages": list(stages),
        "services": dict(sorted(rows.items(), key=lambda row: row[0].split("/"))),
    }
    repo.remember(_KIND, key, json.dumps(document, separators=(",", ":")).encode())


def _row(service: Service, functions: Sequence[NamedFunction]) -> _Row:
    return [
        service.source.line,
        service.team,
        service.owner,
        service.data_class,
        service.cost_center,
        service.runtime,
        service.architecture,
        [
            [function.key, function.name_pattern, function.handler, named.source.line, named.source.path]
            for function, named in zip(service.functions, functions, strict=True)
        ],
        {
            stage: [
                each.memory,
                each.timeout,
                each.log_retention_days,
                each.environment,
                each.secrets,
                each.tracing,
                each.vpc,
                each.billing,
                each.capacity,
                each.alarms,
            ]
            for stage, each in service.settings.items()
        },
        [service.smoke.payload, service.smoke.timeout, service.smoke.critical, service.smoke.expect],
        None if service.build == _PLAIN else list(astuple(service.build)),
        None if service.migration is None else list(astuple(service.migration)),
        service.freezes,
        service.naming,
    ]


def _services(rows: Mapping[str, _Row]) -> dict[str, Service] | None:
    """Services by name, in the order of the rows. None where a row is none of ours."""
    try:
        return {(name := file.split("/")[1]): _service(name, file, *row) for file, row in rows.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _service(
    name: str,
    file: str,
    line: int,
    team: str,
    owner: str,
    data_class: str,
    cost_center: str,
    runtime: str,
    architecture: Any,
    functions: list[Any],
    settings: Mapping[str, list[Any]],
    smoke: list[Any],
    build: list[Any] | None,
    migration: list[Any] | None,
    freezes: bool,
    naming: str,
) -> Service:
    payload, timeout, critical, expect = smoke
    return Service(
        name,
        team,
        owner,
        data_class,
        cost_center,
        runtime,
        architecture,
        tuple([Function(key, pattern, handler) for key, pattern, handler, _, _ in functions]),
        {stage: Settings(*each) for stage, each in settings.items()},
        Smoke(payload, timeout, tuple(critical), expect),
        Source(file, line, ""),
        _PLAIN if build is None else _build(*build),
        None if migration is None else _migration(*migration),
        freezes,
        naming,
    )


def _migration(
    function: str | None,
    payload: Mapping[str, Any],
    command: list[str],
    timeout: int,
    everywhere: bool,
    destructive: bool,
) -> Migration:
    return Migration(function, payload, tuple(command), timeout, everywhere, destructive)


def _build(
    include: list[str],
    command: list[str] | None,
    output: str | None,
    timeout: int,
    minify: bool,
    source_maps: bool,
    external: list[str],
) -> Build:
    words = None if command is None else tuple(command)
    return Build(tuple(include), words, output, timeout, minify, source_maps, tuple(external))


def _named(service: str, file: str, row: _Row) -> Iterator[NamedFunction]:
    for key, pattern, _, line, path in row[7]:
        yield NamedFunction(f"{service}/{key}", Source(file, line, path), pattern)
