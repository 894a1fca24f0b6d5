"""Rules of full feeds, each broken on purpose: the simulation must notice."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from streams.agents.feed_book import FeedBook
from streams.agents.feed_rows import RowStore, StagedRows
from streams.agents.feed_survey import Survey
from tests.simulation.mutations import Mutation


def _touched_skus_forgotten() -> AbstractContextManager[Any]:
    """What happens to a SKU behind the survey must be looked at before the feed is in force."""
    return patch.object(Survey, "touched", lambda _survey, _keys: None)


def _feed_in_force_forgotten() -> AbstractContextManager[Any]:
    """A late delta of a SKU that was as the feed says is covered, although nothing was written of it."""
    return patch.object(FeedBook, "counted_at", lambda *_: 0)


def _deltas_since_the_moment_forgotten() -> AbstractContextManager[Any]:
    """A row says what was there then; what happened after it is not a difference, and what did not is one."""
    return patch.object(Survey, "_moved", lambda *_: False)


def _aborted_rows_kept() -> AbstractContextManager[Any]:
    """The number of a row that an aborted batch brought must be free when it comes again."""
    return patch.object(StagedRows, "begin", StagedRows._forget_fresh)


def _rows_not_restored() -> AbstractContextManager[Any]:
    """Who takes over must know the rows that wait."""
    return patch.object(RowStore, "assigned", lambda _store, _partition: None)


FEED_MUTATIONS: dict[str, Mutation] = {
    mutation.__name__.strip("_"): mutation
    for mutation in (
        _touched_skus_forgotten,
        _feed_in_force_forgotten,
        _deltas_since_the_moment_forgotten,
        _aborted_rows_kept,
        _rows_not_restored,
    )
}
