"""How far a partition may be committed: not past the first value that is still to be delivered."""

from collections import deque

COMPACT_ABOVE = 1_024  # Below, stale entries cost less than looking for them.


class Positions:
    """
    The newest undelivered offset of each SKU of one partition; offsets come in rising order.

    A newer value of a SKU replaces the older, which then no longer holds the position back: whoever
    starts again from the position reads the newer one. Memory follows the number of SKUs that wait, not
    that of values.
    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._arrivals: deque[tuple[int, str]] = deque()

    def add(self, sku: str, offset: int) -> None:
        """Note a value that is to be delivered."""
        self._newest[sku] = offset
        self._arrivals.append((offset, sku))
        if len(self._arrivals) > max(COMPACT_ABOVE, 2 * len(self._newest)):
            self._arrivals = deque(entry for entry in self._arrivals if self._waits(*entry))

    def done(self, sku: str, offset: int) -> None:
        """Note that a value needs no delivery any more; a newer one of the SKU is not touched."""
        if self._newest.get(sku) == offset:
            del self._newest[sku]

    def waits(self, sku: str) -> bool:
        """Return True if a value of a SKU is still to be delivered."""
        return sku in self._newest

    def lowest(self) -> int | None:
        """Return the first offset that is still to be delivered, None when there is none."""
        while self._arrivals:
            offset, sku = self._arrivals[0]
            if self._waits(offset, sku):
                return offset
            self._arrivals.popleft()
        return None

    def _waits(self, offset: int, sku: str) -> bool:
        return self._newest.get(sku) == offset
