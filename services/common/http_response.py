"""Answers in the shape that both API Gateway proxy formats accept."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.errors import NO_HEADERS, ServiceError

if TYPE_CHECKING:
    from pydantic import BaseModel

# Prices and configuration are personal to their reader: nothing between us and them may keep a copy.
_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

Answer = dict[str, Any]


def json_answer(model: "BaseModel", *, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """A pydantic model as JSON, under its public (camelCase) names."""
    return _answer(status, model.model_dump_json(by_alias=True), "application/json", headers)


def no_content() -> Answer:
    """204: done, nothing to say."""
    return {"statusCode": 204, "headers": dict(_ALWAYS), "body": ""}


def problem(error: ServiceError, request_id: str) -> Answer:
    """A failure as a problem document (RFC 9457) with our code, the request's id and every field problem."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "requestId": request_id,
    }
    if error.problems:
        document["errors"] = [
            {"field": p.field, "code": p.code, "message": p.message} for p in error.problems
        ]
    return _answer(error.status, json.dumps(document), "application/problem+json", error.headers)


def _answer(status: int, body: str, content_type: str, headers: Mapping[str, str]) -> Answer:
    return {
        "statusCode": status,
        "headers": {**_ALWAYS, "content-type": content_type, **headers},
        "body": body,
    }
