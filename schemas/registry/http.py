"""How a Confluent-compatible registry speaks HTTP: its media type, and what requests may ask for."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse

from schemas.registry.catalogue import LATEST
from schemas.registry.errors import INVALID_SCHEMA, INVALID_VERSION, RegistryError

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
BODY_MAX_BYTES = 1024 * 1024  # The largest schema of ours has 4 KB; a body beyond this is a mistake.
VERSION_MAX = 2**31 - 1  # Confluent's own limit: a Java int.

Item = TypeVar("Item")


def answer(content: Any, status: int = HTTPStatus.OK) -> JSONResponse:
    """Return a response with the registry's media type."""
    return JSONResponse(content, status, media_type=MEDIA_TYPE)


def error_answer(error: RegistryError) -> JSONResponse:
    """Return an error as Confluent's clients expect it."""
    return answer({"error_code": error.error_code, "message": str(error)}, error.status)


def flag(request: Request, name: str) -> bool:
    """Return a parameter that is true or false; Confluent's Python client writes True."""
    return request.query_params.get(name, "").lower() == "true"


def page(request: Request, items: Sequence[Item]) -> list[Item]:
    """Return the part of a list that offset and limit ask for; a negative limit means all."""
    offset, limit = _number(request, "offset", 0), _number(request, "limit", -1)
    start = max(offset, 0)
    return list(items[start:] if limit < 0 else items[start : start + limit])


def version_in(request: Request) -> int:
    """Return the version of the path, LATEST for the newest. Raises RegistryError."""
    text = str(request.path_params["version"])
    if text in {"latest", str(LATEST)}:
        return LATEST
    if text.isascii() and text.isdigit() and 1 <= int(text) <= VERSION_MAX:
        return int(text)
    raise RegistryError(
        INVALID_VERSION,
        f"The specified version '{text}' is not a valid version id. "
        'Allowed values are between [1, 2^31-1] and the string "latest"',
    )


async def schema_in(request: Request) -> str:
    """Return the schema text of the body. Raises RegistryError."""
    content = _object(await _body(request))
    if content.get("schemaType") not in {None, "AVRO"}:
        raise RegistryError(
            INVALID_SCHEMA, f"Invalid schema type {content['schemaType']}: there is only AVRO"
        )
    if content.get("references"):
        raise RegistryError(INVALID_SCHEMA, "Invalid schema: no schema here refers to another")
    text = content.get("schema")
    if not isinstance(text, str):
        raise RegistryError(INVALID_SCHEMA, "Invalid schema: the body has no text under schema")
    return text


async def _body(request: Request) -> bytes:
    """Return the body. Raises RegistryError when it is too long, before all of it is read."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX_BYTES:
            raise RegistryError(413, f"The body has more than {BODY_MAX_BYTES} bytes")
    return bytes(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise RegistryError(400, f"The body is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise RegistryError(400, "The body is no JSON object")
    return content


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise RegistryError(400, f"{name} must be a whole number, not {text!r}") from None
