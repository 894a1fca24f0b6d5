"""What the demo's shops sell, and how often each article is bought."""

from __future__ import annotations

import random

ARTICLES = (  # noqa: SIM905 - forty words read better than forty lines.
    "APRON BASKET BLANKET BOTTLE BOWL CANDLE CUSHION FRAME JUG KETTLE LAMP LANTERN MUG PLATE RUG "
    "TEAPOT TIN TOWEL TRAY VASE"
).split()
COLOURS = (  # noqa: SIM905 - the same.
    "AMBER BLACK BLUE CORAL CREAM GREEN GREY INDIGO IVORY LILAC MINT NAVY OCHRE OLIVE PINK PLUM RED "
    "SAND TEAL WHITE"
).split()
ZIPF_EXPONENT = 1.0  # A few articles sell all day, most hardly ever.

STORE = "store-london"
WAREHOUSE = "dc-leeds"
LOCATIONS = (STORE, WAREHOUSE)
WMS = "wms"  # The source of everything that warehouses report.
CHANNEL_LOCATION = {"pos": STORE, "web": WAREHOUSE, "marketplace": WAREHOUSE}
CHANNEL_WEIGHTS = {"pos": 55, "web": 30, "marketplace": 15}


class Catalogue:
    """The articles in order of popularity; which are popular depends on the seed only."""

    def __init__(self, source: random.Random) -> None:
        self.skus = [f"{article}-{colour}" for article in ARTICLES for colour in COLOURS]
        source.shuffle(self.skus)
        weights = [1 / rank**ZIPF_EXPONENT for rank in range(1, len(self.skus) + 1)]
        total = sum(weights)
        self.popularity = {sku: weight / total for sku, weight in zip(self.skus, weights, strict=True)}
        self._weights = weights
        self._source = source

    def busiest(self, count: int) -> list[str]:
        """Return the most popular SKUs, the most popular first."""
        return self.skus[:count]

    def pick(self) -> str:
        """Return a SKU, popular ones more often."""
        return self._source.choices(self.skus, self._weights)[0]
