"""SKUs: one spelling for each, because the spelling is the Kafka key and decides the partition (design D4)."""

from unicodedata import category, normalize

MAX_SKU_BYTES = (
    200  # As UTF-8. GS1's longest identifiers have 30 characters; this leaves room for any shop's.
)


class InvalidSku(ValueError):
    """A text that can't be a SKU; the message says why."""


def normalise_sku(text: str) -> str:
    """
    Return the one spelling of a SKU: Unicode NFC, no white space around it, case kept.

    Idempotent: a normalised SKU comes back as it is. Raises InvalidSku when nothing is left, when it holds a
    control character, when it takes more than MAX_SKU_BYTES as UTF-8, when it can't be UTF-8 at all (lone
    surrogates), or when it is * or begins with */: those are keys of policies for all SKUs or a category.
    """
    sku = normalise_text(text)
    if sku == "*" or sku.startswith("*/"):
        raise InvalidSku(f"SKU {sku!r} stands for a policy, not for goods")
    return sku


def normalise_text(text: str) -> str:
    """Return a SKU or another key beside SKUs in its one spelling; raises InvalidSku like normalise_sku."""
    sku = text.strip() if text.isascii() else normalize("NFC", text).strip()
    if not sku:
        raise InvalidSku("SKU is empty")
    if not sku.isprintable() and any(category(character) == "Cc" for character in sku):
        raise InvalidSku(f"SKU {sku!r} holds a control character")
    try:
        length_bytes = len(sku.encode())
    except UnicodeEncodeError:
        raise InvalidSku(f"SKU {sku!r} is no valid Unicode text") from None
    if length_bytes > MAX_SKU_BYTES:
        raise InvalidSku(f"SKU takes {length_bytes} bytes, more than {MAX_SKU_BYTES}")
    return sku
