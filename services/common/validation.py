"""Request validation by pydantic, with every problem at once and no echo of what was sent."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from common.errors import FieldProblem, ValidationFailed


class ApiModel(BaseModel):
    """Base of request and response schemas: snake_case inside, camelCase outside, never changes."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        serialize_by_alias=True,
    )


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], data: Mapping[str, Any]) -> M:
    """Check a mapping of parameters. Raises ValidationFailed with a FieldProblem for each mistake."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _failure(error) from None


def validated_json(model: type[M], text: str) -> M:
    """Check a JSON document strictly (no "1" for 1). Raises ValidationFailed, also when it is no JSON."""
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise _failure(error) from None


def _failure(error: ValidationError) -> ValidationFailed:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = tuple(_problem(item["loc"], item["type"], item["msg"]) for item in found)
    return ValidationFailed(f"{len(problems)} problem(s) in the request.", problems=problems)


def _problem(loc: tuple[int | str, ...], kind: str, message: str) -> FieldProblem:
    # The name of a forbidden field is the caller's own text, and so is a parser's message: neither is
    # repeated.
    if kind == "extra_forbidden":
        return FieldProblem(
            ".".join(map(str, loc[:-1])) or "body", kind, "A field that does not exist here was sent"
        )
    if kind == "json_invalid":
        return FieldProblem("body", kind, "Not valid JSON")
    return FieldProblem(".".join(map(str, loc)) or "body", kind, message)
