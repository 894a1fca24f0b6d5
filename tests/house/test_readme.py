"""The README says what the code says."""

from __future__ import annotations

import pytest

from streams.topology_table import BEGIN, END, MissingMarkersError, markdown, table_of, with_table
from tests.house.project import ROOT


def test_readme_has_the_topic_table_of_the_topology() -> None:
    """A topic is declared once; `python -m streams.topology_table` brings the README up to date."""
    assert table_of((ROOT / "README.md").read_text(encoding="utf-8")) == markdown()


def test_a_stale_table_is_replaced_and_the_rest_stays() -> None:
    """Only what stands between the markers changes."""
    stale = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_table(stale) == f"before\n{BEGIN}\n{markdown()}\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{BEGIN}{BEGIN}{END}"])
def test_missing_markers_are_refused(text: str) -> None:
    """A README that lost its markers is never overwritten."""
    with pytest.raises(MissingMarkersError, match="put the lines"):
        with_table(text)
