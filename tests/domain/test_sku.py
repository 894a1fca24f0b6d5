"""How SKUs are spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.sku import MAX_SKU_BYTES, InvalidSku, normalise_sku


@given(st.text(max_size=30))
def test_a_normalised_sku_is_its_own_normal_form(text: str) -> None:
    """Whoever normalises again, be it a connector or the worker, gets the same key."""
    try:
        sku = normalise_sku(text)
    except InvalidSku:
        return
    assert normalise_sku(sku) == sku
    assert sku == sku.strip()


def test_two_spellings_of_one_letter_are_one_sku() -> None:
    """An e with a combining accent and the accented e are the same key."""
    assert normalise_sku("cafe\u0301-1") == normalise_sku("caf\u00e9-1") == "caf\u00e9-1"


def test_white_space_goes_and_case_stays() -> None:
    """Upper and lower case may be two products; blanks at the ends never are."""
    assert normalise_sku("  85123a\t") == "85123a"


@pytest.mark.parametrize(
    "text", ["", "  ", "\u00a0", "x" * (MAX_SKU_BYTES + 1), "é" * 101, "\udc80", "*", " *", "*/shoes"]
)
def test_what_cannot_be_a_key_is_refused(text: str) -> None:
    """Empty, too long as UTF-8, no Unicode text, or what policies for many SKUs stand under."""
    with pytest.raises(InvalidSku):
        normalise_sku(text)


def test_the_longest_sku_is_measured_in_bytes() -> None:
    """200 bytes pass, whatever the number of characters."""
    assert normalise_sku("é" * 100) == "é" * 100
