"""The registry's HTTP API: paths, and what each of them answers."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from schemas import compatibility
from schemas.registry.catalogue import Catalogue, Filing
from schemas.registry.errors import SCHEMA_NOT_FOUND, RegistryError, read_only
from schemas.registry.http import answer, error_answer, flag, page, schema_in, version_in
from schemas.registry.subjects import subjects_of

MODE = "READONLY"


def application(
    records_by_topic: Mapping[str, Sequence[str]], lifespan: Lifespan[Starlette] | None = None
) -> Starlette:
    """Return the ASGI application that serves the schemas of these topics. Raises schemas.UnknownRecord."""
    handlers = _Handlers(Catalogue(subjects_of(records_by_topic)))
    return Starlette(
        routes=_routes(handlers),
        lifespan=lifespan,
        exception_handlers={
            RegistryError: _refused,
            HTTPStatus.NOT_FOUND: _no_such_path,
            HTTPStatus.METHOD_NOT_ALLOWED: _no_such_method,
        },
    )


def _routes(handlers: "_Handlers") -> list[Route]:
    """Return Confluent's paths; /compatibility is for CI that checks a draft before it is published."""
    subject, version, schema = "/subjects/{subject}", "/subjects/{subject}/versions/{version}", "{id:int}"
    return [
        Route("/", _always({})),
        Route("/contexts", _always(["."])),
        Route("/config", handlers.config),
        Route("/config/{subject}", handlers.config),
        Route("/mode", _always({"mode": MODE})),
        Route("/mode/{subject}", _always({"mode": MODE})),
        Route("/schemas", handlers.schemas),
        Route("/schemas/types", _always(["AVRO"])),
        Route(f"/schemas/ids/{schema}", handlers.schema),
        Route(f"/schemas/ids/{schema}/schema", handlers.bare_schema),
        Route(f"/schemas/ids/{schema}/subjects", handlers.subjects_of_schema),
        Route(f"/schemas/ids/{schema}/versions", handlers.versions_of_schema),
        Route("/subjects", handlers.subjects),
        Route(subject, handlers.look_up, methods=["POST"]),
        Route(f"{subject}/versions", handlers.versions, methods=["GET"]),
        Route(f"{subject}/versions", handlers.register, methods=["POST"]),
        Route(version, handlers.version),
        Route(f"{version}/schema", handlers.version_schema),
        Route(f"{version}/referencedby", handlers.referenced_by),
        Route(f"/compatibility{subject}/versions", handlers.check, methods=["POST"]),
        Route(f"/compatibility{version}", handlers.check, methods=["POST"]),
    ]


class _Handlers:
    """One method for each path."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def config(self, request: Request) -> Response:
        subject = request.path_params.get("subject")
        level = compatibility.LEVEL if subject is None else self._catalogue.level(subject)
        return answer({"compatibilityLevel": level})

    async def schemas(self, request: Request) -> Response:
        prefix = request.query_params.get("subjectPrefix", "")
        newest = flag(request, "latestOnly")
        chosen = [
            filing
            for filing in self._catalogue.filings
            if filing.subject.startswith(prefix)
            and (not newest or filing is self._catalogue.versions(filing.subject)[-1])
        ]
        return answer([_filed(filing) for filing in page(request, chosen)])

    async def schema(self, request: Request) -> Response:
        content: dict[str, Any] = {"schema": self._places(request)[0].text}
        if flag(request, "fetchMaxId"):
            content["maxId"] = self._catalogue.max_id
        return answer(content)

    async def bare_schema(self, request: Request) -> Response:
        return answer(json.loads(self._places(request)[0].text))

    async def subjects_of_schema(self, request: Request) -> Response:
        places = _only(request, self._places(request))
        return answer(page(request, [filing.subject for filing in places]))

    async def versions_of_schema(self, request: Request) -> Response:
        places = _only(request, self._places(request))
        pairs = [{"subject": filing.subject, "version": filing.version} for filing in places]
        return answer(page(request, pairs))

    async def subjects(self, request: Request) -> Response:
        prefix = request.query_params.get("subjectPrefix", "")
        names = [name for name in self._catalogue.subjects if name.startswith(prefix)]
        return answer(page(request, names))

    async def versions(self, request: Request) -> Response:
        versions = self._catalogue.versions(request.path_params["subject"])
        return answer(page(request, [filing.version for filing in versions]))

    async def version(self, request: Request) -> Response:
        return answer(_filed(self._filing(request)))

    async def version_schema(self, request: Request) -> Response:
        return answer(json.loads(self._filing(request).text))

    async def referenced_by(self, request: Request) -> Response:
        self._filing(request)  # For its error: what is not there is referred to by nothing either.
        return answer([])

    async def look_up(self, request: Request) -> Response:
        filing = self._catalogue.find(request.path_params["subject"], await schema_in(request))
        if filing is None:
            raise RegistryError(SCHEMA_NOT_FOUND, "Schema not found")
        return answer(_filed(filing))

    async def register(self, request: Request) -> Response:
        filing = self._catalogue.find(request.path_params["subject"], await schema_in(request))
        if filing is None:
            raise read_only()
        return answer({"id": filing.schema.schema_id})

    async def check(self, request: Request) -> Response:
        version = version_in(request) if "version" in request.path_params else None
        text = await schema_in(request)
        problems = self._catalogue.problems(request.path_params["subject"], version, text)
        messages = {"messages": list(problems)} if flag(request, "verbose") else {}
        return answer({"is_compatible": not problems, **messages})

    def _places(self, request: Request) -> list[Filing]:
        return self._catalogue.places(request.path_params["id"])

    def _filing(self, request: Request) -> Filing:
        return self._catalogue.version(request.path_params["subject"], version_in(request))


def _filed(filing: Filing) -> dict[str, Any]:
    return {
        "subject": filing.subject,
        "version": filing.version,
        "id": filing.schema.schema_id,
        "schema": filing.text,
    }


def _only(request: Request, places: list[Filing]) -> list[Filing]:
    """Return the places, or of them those in the subject that the request names."""
    subject = request.query_params.get("subject")
    return [filing for filing in places if subject in {None, "", filing.subject}]


def _always(content: Any) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that answers the same to everyone."""

    async def handler(_request: Request) -> Response:
        return answer(content)

    return handler


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RegistryError)
    return error_answer(error)


async def _no_such_path(_request: Request, _error: Exception) -> Response:
    return error_answer(RegistryError(HTTPStatus.NOT_FOUND, "HTTP 404 Not Found"))


async def _no_such_method(_request: Request, _error: Exception) -> Response:
    """Answer DELETE and PUT, which exist elsewhere, by what is behind their absence here."""
    return error_answer(read_only())
