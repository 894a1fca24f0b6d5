"""The option of commands that take identifiers for SKUs, and what they have in common with others at the edge."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer

from connectors.items.client import Catalogue
from connectors.items.resolving import Resolve, as_it_is, resolved
from connectors.protocols import ConnectorError
from streams.cli.errors import UserError
from streams.settings import Catalogue as CatalogueMode

UseCatalogue = Annotated[
    CatalogueMode | None,
    typer.Option(
        "--catalogue",
        help="Take SKUs for aliases and GTINs of the catalogue, packages for their units; strict rejects unknown ones.",
    ),
]


def open_catalogue(bootstrap_servers: str, mode: CatalogueMode) -> Catalogue:
    """Return the catalogue of a cluster, to be entered."""
    return Catalogue(bootstrap_servers, strict=mode is CatalogueMode.STRICT)


def resolve_by(items: Catalogue | None) -> Resolve:
    """Return how translations get their SKUs: by a catalogue, or as they are."""
    return as_it_is if items is None else partial(resolved, meaning_of=items.units_of)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn what a connector can't do into the one sentence that its user needs."""
    try:
        yield
    except ConnectorError as error:
        raise UserError(str(error)) from error
