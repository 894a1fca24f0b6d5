"""How keys must be spelled (design D4): verification's own reading."""

from unicodedata import category, normalize

SKU_BYTES_MAXIMUM = 200


def is_normal_sku(sku: str) -> bool:
    """Tell whether a SKU is in its one spelling: NFC, trimmed, no control characters, not too long; no policy's key."""
    return sku != "*" and not sku.startswith("*/") and is_normal_text(sku)


def is_normal_policy_key(key: str) -> bool:
    """Tell whether a key is that of a policy: for all SKUs, for a category's path, or for one SKU."""
    if not key.startswith("*/"):
        return key == "*" or is_normal_sku(key)
    steps = key[2:].split("/")
    return is_normal_text(key) and all(step and step == step.strip() for step in steps)


def is_normal_text(sku: str) -> bool:
    """Tell whether a key is NFC, trimmed, not too long and without control characters."""
    if not sku or len(sku.encode()) > SKU_BYTES_MAXIMUM or sku != sku.strip():
        return False
    if sku.isascii() and sku.isprintable():
        return True
    return normalize("NFC", sku) == sku and not any(category(character) == "Cc" for character in sku)
