"""What a stranger can do to an account before anybody knows that he is one: nothing that lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.accounts.reading import parse_accounts
from connectors.ingress import reception
from connectors.ingress.reception import Reception, Space
from connectors.ingress.storage import Storage

FILE = '[accounts.shop]\nkind = "x12"\nsecrets = ["env:A"]\ndefault_location_id = "dc"\n'
ENTRY = parse_accounts(FILE).accounts["shop"]


def receiving(space: Space) -> Reception:
    """An account's reception; its storage is not connected, so nothing can be stored."""
    return Reception("shop", ENTRY, ("secret",), Storage("127.0.0.1:9"), space)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """A body, part by part."""
    for part in parts:
        yield part


async def test_bodies_under_way_have_a_bound_together() -> None:
    """A sender beyond it is told to come again; each that ends, however, gives its room back."""
    space, go_on = Space(100), asyncio.Event()
    first = receiving(space)

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 60
        await go_on.wait()

    waiting = asyncio.create_task(first.take({}, slow()))
    await asyncio.sleep(0)
    busy = await first.take({}, chunks(b"x" * 30, b"x" * 30))
    assert (busy.status, busy.outcome, busy.retry_after_seconds) == (503, "too_busy", 5)
    go_on.set()
    assert (await waiting).outcome == "forged"
    assert (await first.take({}, chunks(b"x" * 100))).outcome == "forged"


async def test_a_body_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """408, and its room is free again."""
    monkeypatch.setattr(reception, "BODY_SECONDS", 0.01)
    space = Space(10)

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 10
        await asyncio.Event().wait()

    assert (await receiving(space).take({}, endless())).status == 408
    assert (await receiving(space).take({}, chunks(b"x" * 10))).outcome == "forged"


@pytest.mark.parametrize("length", ["-1", "many", "٣", "9" * 40, ""])
async def test_a_length_that_is_none_decides_nothing(length: str) -> None:
    """The body itself is counted; a huge announcement alone is refused."""
    answer = await receiving(Space()).take({"content-length": length}, chunks(b"x"))
    assert answer.outcome == ("too_large" if length == "9" * 40 else "forged")


async def test_what_can_not_be_stored_is_not_answered_with_success() -> None:
    """An authentic body while there is no Kafka at all."""
    answer = await receiving(Space()).take({"authorization": "bearer secret"}, chunks(b"ISA"))
    assert (answer.status, answer.outcome) == (503, "not_stored")
