"""The OpenAPI document of a service, from the routes and schemas that it validates by.

    python -m common.openapi SERVICE           writes services/SERVICE/openapi.json
    python -m common.openapi SERVICE --check   ends with 1 when that file says something else

Run it in `services/`. Not part of any archive: nothing that a handler imports imports this.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from common.constants import ErrorCode
from common.errors import ServiceError
from common.routes import Route
from common.validation import ApiModel

VERSION = "3.1.0"
_REFS = "#/components/schemas/{model}"


class ProblemField(ApiModel):
    """One thing that is wrong with one field. Never carries the value that was sent."""

    field: str
    code: str
    message: str


class Problem(ApiModel):
    """Problem document (RFC 9457) of every failure that is documented."""

    type: str
    title: str
    status: int
    detail: str
    code: ErrorCode
    request_id: str
    errors: tuple[ProblemField, ...] = ()


def document(service: str, summary: str, routes: Sequence[Route]) -> dict[str, Any]:
    """OpenAPI 3.1, in the order of the routes."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for route in routes:
        asked = (route.path_parameters, route.query, route.body)
        wanted += [(schema, "validation") for schema in asked if schema]
        wanted += [(route.answer, "serialization")] if route.answer else []
    references, definitions = models_json_schema(wanted, by_alias=True, ref_template=_REFS)
    schemas = definitions.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references, schemas)
    for schema in {s for route in routes for s in (route.path_parameters, route.query) if s}:
        schemas.pop(references[schema, "validation"]["$ref"].rsplit("/", 1)[1], None)
    return {
        "openapi": VERSION,
        "info": {"title": service, "version": "1", "description": summary},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "iam": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4 for execute-api",
                }
            },
        },
        "security": [{"iam": []}],
    }


def _operation(
    route: Route,
    references: Mapping[Any, Mapping[str, Any]],  # (model, mode) -> {"$ref": …}
    schemas: Mapping[str, Any],
) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.operation, "summary": route.summary}
    parameters = [
        parameter
        for place, schema in (("path", route.path_parameters), ("query", route.query))
        if schema
        for parameter in _parameters(place, schemas[_name(references[schema, "validation"])])
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        content = {"application/json": {"schema": references[route.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    good: dict[str, Any] = {"description": "Done"}
    if route.answer:
        good["content"] = {"application/json": {"schema": references[route.answer, "serialization"]}}
    problem = {"application/problem+json": {"schema": references[Problem, "serialization"]}}
    refusals: dict[str, dict[str, Any]] = {}
    for failure in sorted(route.documented(), key=lambda each: (each.status, each.code)):
        known = refusals.setdefault(str(failure.status), {"description": "", "content": problem})
        known["description"] = ", ".join(filter(None, (known["description"], _said(failure))))
    operation["responses"] = {str(route.status): good, **refusals}
    return operation


def _said(failure: type[ServiceError]) -> str:
    return f"{failure.title} ({failure.code})"


def _parameters(place: str, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    return [
        {"name": name, "in": place, "required": name in required, "schema": _without_title(field)}
        for name, field in schema["properties"].items()
    ]


def _without_title(field: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key != "title"}


def _name(reference: Mapping[str, Any]) -> str:
    name: str = reference["$ref"].rsplit("/", 1)[1]
    return name


def published(service: str) -> str:
    """The text of a service's document, from its `PACKAGE.routes`. The service's folder is an import root."""
    routes = importlib.import_module(f"{service.replace('-', '_')}.routes")
    found = document(service, (routes.__doc__ or "").strip().splitlines()[0], routes.ROUTES)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m common.openapi", description=__doc__)
    parser.add_argument("service", help="a folder in services/")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    asked = parser.parse_args(words)
    folder = Path(__file__).parents[1] / asked.service
    if not (folder / "service.yaml").is_file():
        print(f"error: there is no service {asked.service}", file=sys.stderr)
        return 2
    sys.path.append(str(folder))
    file, text = folder / "openapi.json", published(asked.service)
    if not asked.check:
        file.write_text(text, encoding="utf-8")
        return 0
    if file.is_file() and file.read_text("utf-8") == text:
        return 0
    print(f"error: {file} is not what the routes say", file=sys.stderr)
    print(f"fix: cd services && python -m common.openapi {asked.service}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
