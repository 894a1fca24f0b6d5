"""
A survey: what a full feed would do to a partition's SKUs, without decoding those that it leaves as they are.

Most rows say what is known already. So an encoded stock level is compared with an encoded quantity, and only SKUs
that differ, or that something has happened to since they were looked at, are looked at closely.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from streams.agents import stock_codec as codec
from streams.agents.feed_rows import Row, quantity_of
from streams.domain import counts
from streams.domain.events import NET_OF_ORDERS
from streams.domain.feeds import FeedProgress
from streams.engine.codec import read_varint, varint
from streams.engine.wire import HEADER_BYTES

NOTHING = b"\x00"
"""A quantity of 0, as Avro has it."""

NAMES_KNOWN = 200  # Locations that a finder steps over; of levels with others, the SKU is looked at closely.
NOT_THERE, LOOK_CLOSELY = -1, -2
_VARINT = rb"[\x80-\xff]*[\x00-\x7f]"
_FIGURES = rb"(?:" + _VARINT + rb"){7}"  # What follows a location's name in a StockLevel.


class OnHandFinder:
    """Finds where the on_hand of one location stands in encoded stock levels; learns the others' names as it goes."""

    def __init__(self, location_id: str) -> None:
        self._location_id = location_id
        self._name = codec.encoded_text(location_id)
        self._others: set[bytes] = set()
        self._find = self._compiled()

    def _compiled(self) -> Callable[[bytes, int], re.Match[bytes] | None]:
        # Behind the SKU: version, number of locations, then each location's name and figures.
        others = b"|".join(re.escape(name) for name in sorted(self._others))
        skipped = rb"(?:(?:" + others + rb")" + _FIGURES + rb")*?" if others else b""
        return re.compile(_VARINT + _VARINT + skipped + re.escape(self._name), re.DOTALL).match

    def find(self, key: bytes, level: bytes) -> int:
        """Return the index of on_hand in a level, NOT_THERE if the SKU has none there, or LOOK_CLOSELY."""
        if self._name not in level:
            return NOT_THERE
        start = HEADER_BYTES + len(key) + (1 if len(key) < 64 else len(codec.encoded_sku(key)) - len(key))
        found = self._find(level, start) if level.startswith(codec.LEVEL_HEADER) else None
        return self._learn(key, level) if found is None else found.end()

    def _learn(self, key: bytes, level: bytes) -> int:
        names = [held.location_id for held in codec.decode_level(level).locations]
        if self._location_id not in names:
            return NOT_THERE
        others = self._others | {codec.encoded_text(name) for name in names if name != self._location_id}
        if len(others) > NAMES_KNOWN or others == self._others or not level.startswith(codec.LEVEL_HEADER):
            return LOOK_CLOSELY
        self._others = others
        self._find = self._compiled()
        return self.find(key, level)


class Survey:
    """
    Of one feed in one partition: SKUs with stock at the location, how many it zeroes, and whom to look at closely.

    is_done says that every SKU has been looked at. suspects are the SKUs that the feed may change; who writes a SKU
    after the survey has begun, other than by the feed itself, adds it to them.
    """

    def __init__(
        self, progress: FeedProgress, rows: Mapping[bytes, Row], levels: Mapping[bytes, bytes]
    ) -> None:
        self._rows = rows
        self._levels = levels
        self._place, self._as_of, self._net = (
            progress.location_id,
            progress.as_of,
            progress.basis == NET_OF_ORDERS,
        )
        self._finder = OnHandFinder(progress.location_id)
        self._keys = list(levels)
        self._next = 0
        self.is_done = not self._keys
        self.skus = 0
        self.would_zero = 0
        # New SKUs; in C, since there may be a million rows.
        self.suspects: dict[bytes, None] = {
            key: None for key in rows.keys() - levels.keys() if rows[key][0] != NOTHING
        }

    def touched(self, keys: Iterable[bytes]) -> None:
        """Look closely at SKUs that something has happened to."""
        self.suspects.update(dict.fromkeys(keys))

    # One loop: a call for each SKU would cost as much as the comparison.
    def step(  # noqa: C901
        self, limit: int, notes: Mapping[bytes, bytearray], has_lines: Callable[[bytes], bool]
    ) -> int:
        """
        Look at some more SKUs; return at how many.

        notes are those of committed deltas by SKU; has_lines tells whether a SKU has open lines. What the batch in
        hand writes counts as touched.
        """
        keys = self._keys[self._next : self._next + limit]
        self._next += len(keys)
        if self._next >= len(self._keys):
            self.is_done, self._keys = True, []  # A done survey may wait for others for long.
        levels, rows, find, suspects = self._levels, self._rows, self._finder.find, self.suspects
        for key in keys:
            level = levels.get(key)
            if level is None:
                continue
            row = rows.get(key)
            quantity = NOTHING if row is None else row[0]
            at = find(key, level)
            if at == NOT_THERE:
                if quantity != NOTHING:
                    suspects[key] = None
                continue
            first = level[at] if at >= 0 else self._sign(level)
            if first and not first & 1:  # Above zero: the sign is in the lowest bit.
                self.skus += 1
                self.would_zero += quantity == NOTHING
            if at == LOOK_CLOSELY:
                suspects[key] = None
            elif key in notes or self._net:
                if self._moved(key, level, at, row, notes, has_lines):
                    suspects[key] = None
            elif not level.startswith(quantity, at):
                suspects[key] = None
        return len(keys)

    def _sign(self, level: bytes) -> int:
        """Return the first byte of on_hand of a level that can't be read at a glance, such as one of version 1."""
        return varint(codec.decode_level(level).level(self._place).on_hand)[0]

    def _moved(
        self,
        key: bytes,
        level: bytes,
        at: int,
        row: Row | None,
        notes: Mapping[bytes, bytearray],
        has_lines: Callable[[bytes], bool],
    ) -> bool:
        """Return True unless a SKU with deltas of its own is surely as the feed says."""
        noted = notes.get(key)
        if self._net and (noted or has_lines(key)):
            return True
        moved = counts.changes_after(bytes(noted), self._place, self._as_of)[0] if noted else 0
        return read_varint(level, at)[0] != quantity_of(row) + moved
