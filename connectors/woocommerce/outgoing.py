"""Availability as WooCommerce's batches of products and variations, and its answers as verdicts: pure."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from connectors.egress.answers import Answer, json_of, object_of, objects, shortened, whole
from connectors.egress.mapped import Write
from connectors.protocols import ChannelUnavailable, ItemResult, Verdict

SEPARATOR = "/"
SERVER_ERRORS = 500  # Statuses from here on are the shop's own trouble: the item may be tried again.


class Product(NamedTuple):
    """A product's number, and that of its parent if it is a variation."""

    number: str
    parent: str | None = None

    @property
    def identifier(self) -> str:
        """The product as one text: parent/number, or number."""
        return self.number if self.parent is None else f"{self.parent}{SEPARATOR}{self.number}"


def product_of(identifier: str) -> Product:
    """Return the product that Product.identifier has written as one text."""
    parent, _, number = identifier.rpartition(SEPARATOR)
    return Product(number, parent or None)


def by_parent(identifiers: Sequence[str]) -> dict[str | None, list[str]]:
    """Return identifiers by the parent that their request goes to; those of simple products under None."""
    found: defaultdict[str | None, list[str]] = defaultdict(list)
    for identifier in identifiers:
        found[product_of(identifier).parent].append(identifier)
    return dict(found)


def collection(parent: str | None) -> str:
    """Return the path that products, or a product's variations, are at."""
    return "products" if parent is None else f"products/{parent}/variations"


def payload(writes: Sequence[Write]) -> bytes:
    """Return the body of a batch: absolute quantities, whose stock WooCommerce is to manage from now on."""
    update = [
        {
            "id": int(product_of(write.identifier).number),
            "manage_stock": True,
            "stock_quantity": write.quantity,
        }
        for write in writes
    ]
    return json.dumps({"update": update}, separators=(",", ":")).encode()


def results_of(answer: Answer, writes: Sequence[Write]) -> list[ItemResult]:
    """
    Return what a batch's answer, a 200, says of each write.

    It is delivered only if the product came back with its quantity; silence about an item is a failure for now.
    Raises ChannelUnavailable when the answer is none.
    """
    listed = object_of(answer).get("update")
    if not isinstance(listed, list):
        raise ChannelUnavailable("the answer to a batch does not list its products")
    answered = {str(entry.get("id")): entry for entry in objects({"update": listed}, "update")}
    return [_result(answered.get(product_of(write.identifier).number), write.quantity) for write in writes]


def found_of(answer: Answer) -> dict[str, list[str]]:
    """Return the products of a page by SKU, as identifiers."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for product in _listed(answer):
        number, parent = whole(product.get("id")), whole(product.get("parent_id"))
        if number is None or not isinstance(product.get("sku"), str):
            continue
        is_variation = product.get("type") == "variation" and parent
        found[product["sku"]].append(Product(str(number), str(parent) if is_variation else None).identifier)
    return dict(found)


def figures_of(answer: Answer, parent: str | None) -> dict[str, int]:
    """Return the quantities of a page of products, or of a product's variations, by identifier."""
    found = {}
    for product in _listed(answer):
        number, quantity = whole(product.get("id")), whole(product.get("stock_quantity"))
        if number is not None and quantity is not None and product.get("manage_stock") is True:
            found[Product(str(number), parent).identifier] = quantity
    return found


def _listed(answer: Answer) -> list[Mapping[str, Any]]:
    return objects({"page": json_of(answer)}, "page")


def _result(product: Mapping[str, Any] | None, quantity: int) -> ItemResult:
    if product is None:
        return ItemResult(Verdict.FAILED, "WooCommerce did not say what became of it")
    error = product.get("error")
    if isinstance(error, Mapping):
        data = error.get("data")
        status = whole(data.get("status")) if isinstance(data, Mapping) else None
        verdict = Verdict.FAILED if (status or 0) >= SERVER_ERRORS else Verdict.REFUSED
        return ItemResult(verdict, shortened(f"{error.get('code')}: {error.get('message', '')}"))
    shown = whole(product.get("stock_quantity"))
    if shown != quantity:
        return ItemResult(Verdict.FAILED, f"WooCommerce shows {shown} after it was given {quantity}")
    return ItemResult(Verdict.DELIVERED)
