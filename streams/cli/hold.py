"""`onhand hold`: place, change, confirm and release checkout holds, and look at those of a SKU."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, NoReturn

import typer

from connectors.reservations.connector import Reservations
from connectors.reservations.errors import InvalidRequest, Refused, Unanswered, Unreachable
from connectors.reservations.holds import ANSWER_SECONDS
from connectors.reservations.translate import Answer, CartLine
from streams.cli import hold_output as output
from streams.cli.catalogue import UseCatalogue, open_catalogue, user_errors
from streams.cli.errors import UserError
from streams.cli.held import read_holds
from streams.cli.logs import log_to_standard_error
from streams.cli.overrides import BootstrapServers, settings_from
from streams.cli.times import duration_seconds
from streams.domain.sku import InvalidSku, normalise_sku
from streams.verify.reading import ReadError

EXIT_REFUSED = 1  # The stock agent said no; 2 is for wrong usage.
EXIT_UNANSWERED = 3  # Nobody knows yet: asked again with the same hold id, it is not held twice.
DEFAULT_OWNER = "onhand-hold"
DEFAULT_LIMIT = 50  # About two screenfuls.

app = typer.Typer(name="hold", help="Checkout holds: units promised for a while.", no_args_is_help=True)

Sku = Annotated[str, typer.Argument(help="Stock keeping unit, as the shop writes it.")]
HoldId = Annotated[str, typer.Argument(metavar="HOLD_ID", help="The hold, as its placing told.")]
Quantity = Annotated[int, typer.Argument(min=1, help="Whole units.")]
Owner = Annotated[
    str,
    typer.Option(
        "--owner", envvar="ONHAND_HOLD_OWNER", help="Who holds; the same must change, confirm or release."
    ),
]
ExpiresIn = Annotated[
    str, typer.Option("--expires-in", metavar="TIME", help="How long it holds: 90s, 15m or 2h.")
]
Channel = Annotated[str | None, typer.Option("--channel", help="Sales channel that it is for.")]
Location = Annotated[
    str | None, typer.Option("--location", help="Where to hold; the fullest of the channel's without.")
]
Seconds = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for an answer.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON for machines.")]


@app.command()
def place(
    sku: Sku,
    quantity: Quantity,
    expires_in: ExpiresIn = "15m",
    channel: Channel = None,
    location: Location = None,
    hold_id: Annotated[
        str | None, typer.Option("--hold-id", help="An id of your own; asked again it never holds twice.")
    ] = None,
    owner: Owner = DEFAULT_OWNER,
    timeout: Seconds = ANSWER_SECONDS,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Hold units of a SKU; exit 1 with the reason when it is refused."""
    seconds = duration_seconds(expires_in)

    async def ask(desk: Reservations) -> Sequence[Answer]:
        held = await desk.hold(
            sku,
            quantity,
            channel_id=channel,
            expires_in_seconds=seconds,
            location_id=location,
            hold_id=hold_id,
        )
        return [held]

    _tell(ask, owner, timeout, bootstrap_servers, as_json=as_json)


@app.command()
def change(
    sku: Sku,
    hold_id: HoldId,
    quantity: Quantity,
    expires_in: ExpiresIn = "15m",
    location: Location = None,
    owner: Owner = DEFAULT_OWNER,
    timeout: Seconds = ANSWER_SECONDS,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Change how many units a hold holds and until when; refused, it stays as it is."""
    seconds = duration_seconds(expires_in)

    async def ask(desk: Reservations) -> Sequence[Answer]:
        changed = await desk.change(sku, hold_id, quantity, expires_in_seconds=seconds, location_id=location)
        return [changed]

    _tell(ask, owner, timeout, bootstrap_servers, as_json=as_json)


@app.command()
def confirm(
    sku: Sku,
    hold_id: HoldId,
    order_id: Annotated[str, typer.Argument(metavar="ORDER_ID", help="The order that gets the units.")],
    quantity: Annotated[
        int | None, typer.Option("--quantity", min=1, help="So many units; the rest is given back.")
    ] = None,
    owner: Owner = DEFAULT_OWNER,
    timeout: Seconds = ANSWER_SECONDS,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Reserve a hold's units for an order; asked again for the same order, it is granted again."""

    async def ask(desk: Reservations) -> Sequence[Answer]:
        return [await desk.confirm(sku, hold_id, order_id, quantity=quantity)]

    _tell(ask, owner, timeout, bootstrap_servers, as_json=as_json)


@app.command()
def release(
    sku: Sku,
    hold_id: HoldId,
    owner: Owner = DEFAULT_OWNER,
    timeout: Seconds = ANSWER_SECONDS,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Give all of a hold's units back."""

    async def ask(desk: Reservations) -> Sequence[Answer]:
        return [await desk.release(sku, hold_id)]

    _tell(ask, owner, timeout, bootstrap_servers, as_json=as_json)


@app.command()
def cart(
    lines: Annotated[list[str], typer.Argument(metavar="SKU=QUANTITY...", help="What is in the cart.")],
    expires_in: ExpiresIn = "15m",
    channel: Channel = None,
    location: Location = None,
    order_id: Annotated[
        str | None, typer.Option("--order", help="Confirm all of it for this order at once.")
    ] = None,
    cart_id: Annotated[
        str | None, typer.Option("--cart-id", help="An id of your own; asked again it never holds twice.")
    ] = None,
    owner: Owner = DEFAULT_OWNER,
    timeout: Seconds = ANSWER_SECONDS,
    as_json: AsJson = False,
    catalogue: UseCatalogue = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """
    Hold every SKU of a cart, or nothing of it; the cart's id is the hold id of each.

    With --catalogue a bundle is held by its components: at the location that its order is to name, with that hold id.
    """
    seconds, wanted = duration_seconds(expires_in), [_line(text) for text in lines]
    if catalogue is not None:
        servers = settings_from(bootstrap_servers=bootstrap_servers).bootstrap_servers
        with user_errors(), open_catalogue(servers, catalogue) as items:
            wanted = [CartLine(*line) for line in items.identifiers.contents(wanted)]

    async def ask(desk: Reservations) -> Sequence[Answer]:
        held = await desk.hold_cart(
            wanted,
            channel_id=channel,
            expires_in_seconds=seconds,
            cart_id=cart_id,
            location_id=location,
        )
        return (held if order_id is None else await desk.confirm_cart(held, order_id)).holds

    _tell(ask, owner, timeout, bootstrap_servers, as_json=as_json)


@app.command()
def show(
    sku: Sku,
    ended_too: Annotated[
        bool, typer.Option("--all", help="Also those that ended or were refused within a day.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Show so many, those that end first; 0 shows all.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of them as JSON for machines.")] = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Show a SKU's holds: who holds how many units where, and until when."""
    settings = settings_from(bootstrap_servers=bootstrap_servers)
    try:
        held = read_holds(settings.bootstrap_servers, normalise_sku(sku))
    except InvalidSku as error:
        raise UserError(f"{error}.") from error
    except ReadError as error:
        raise UserError(str(error)) from error
    output.print_holds(held, limit, ended_too=ended_too, as_json=as_json)


def _tell(
    ask: Callable[[Reservations], Awaitable[Sequence[Answer]]],
    owner: str,
    timeout: float,
    bootstrap_servers: str | None,
    *,
    as_json: bool,
) -> None:
    """Ask, and print the answers; what is not granted ends the command with a sentence and an exit code."""
    settings = settings_from(bootstrap_servers=bootstrap_servers)
    log_to_standard_error()

    async def run() -> Sequence[Answer]:
        async with Reservations(settings, owner=owner, timeout_seconds=timeout) as desk:
            return await ask(desk)

    try:
        answers = asyncio.run(run())
    except Refused as refused:
        output.print_answer(refused.answer, as_json=as_json)
        raise typer.Exit(EXIT_REFUSED) from None
    except Unanswered as error:
        _unanswered(error)
    except (InvalidRequest, Unreachable) as error:
        raise UserError(str(error)) from error
    for answer in answers:
        output.print_answer(answer, as_json=as_json)


def _unanswered(error: Unanswered) -> NoReturn:
    typer.echo(
        f"onhand hold: {error} Ask again with the hold id {error.hold_id}: it will not be held twice.",
        err=True,
    )
    raise typer.Exit(EXIT_UNANSWERED) from None


def _line(text: str) -> CartLine:
    """Return a line as it is typed."""
    sku, separator, quantity = text.rpartition("=")
    if not separator or not quantity.isdecimal():
        raise UserError(f"{text!r} is no line of a cart: write SKU=QUANTITY, such as 85123A=2.")
    return CartLine(sku, int(quantity))
