"""The HTTP side of the ingress: one route per account, and probes for whatever balances the load."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors import metrics
from connectors.ingress.reception import Answer, Reception, declined

NOBODY = "unknown"
"""The account in metrics of requests to addresses that are none; what a stranger writes is no label."""

log = structlog.get_logger(__name__)


def application(receptions: Mapping[str, Reception], ready: Callable[[], bool]) -> Starlette:
    """
    Return the ASGI application: POST /in/{account}, GET /live and /ready.

    /metrics is not here but on a port of its own: this one faces the world.
    """

    async def take(request: Request) -> Response:
        began = time.perf_counter()
        account_id, answer = await _answer(receptions, request)
        metrics.INGRESS_REQUESTS.labels(account_id, answer.outcome).inc()
        metrics.INGRESS_SECONDS.labels(account_id).observe(time.perf_counter() - began)
        return _response(answer)

    async def live(_request: Request) -> Response:
        return PlainTextResponse("live\n")

    async def is_ready(_request: Request) -> Response:
        if ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", HTTPStatus.SERVICE_UNAVAILABLE)

    routes = [
        Route("/in/{account}", take, methods=["POST"]),
        Route("/live", live, methods=["GET"]),
        Route("/ready", is_ready, methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _declined, Exception: _failed})
    app.router.redirect_slashes = (
        False  # A redirect invites a second try; there is nothing at the other address.
    )
    return app


async def _answer(receptions: Mapping[str, Reception], request: Request) -> tuple[str, Answer]:
    """Return which account a request is for, and the answer."""
    reception = receptions.get(request.path_params["account"])
    if reception is None:
        return NOBODY, declined(HTTPStatus.NOT_FOUND, "unknown_account", "There is no such account.").answer
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        return reception.account_id, await reception.take(headers, request.stream())
    except ClientDisconnect:
        return reception.account_id, declined(
            HTTPStatus.BAD_REQUEST, "interrupted", "The body ended early."
        ).answer


def _response(answer: Answer) -> Response:
    headers = {} if answer.retry_after_seconds is None else {"Retry-After": str(answer.retry_after_seconds)}
    if answer.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    problem = "application/problem+json" if answer.status >= HTTPStatus.BAD_REQUEST else None
    return JSONResponse(answer.content, answer.status, headers, problem)


async def _declined(_request: Request, error: Exception) -> Response:
    """Answer what no route takes: another path, another method."""
    assert isinstance(error, HTTPException)
    content = {"title": error.detail, "status": error.status_code}
    return JSONResponse(content, error.status_code, error.headers, "application/problem+json")


async def _failed(_request: Request, error: Exception) -> Response:
    """Answer a mistake of ours with 500: nothing is stored half, and the sender comes again."""
    log.error("a request failed", error=type(error).__name__, exc_info=error)
    metrics.INGRESS_REQUESTS.labels(NOBODY, "failed").inc()
    content = {"title": "Internal Server Error", "status": 500}
    return JSONResponse(content, HTTPStatus.INTERNAL_SERVER_ERROR, None, "application/problem+json")
