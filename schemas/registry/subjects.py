"""
Subjects: the names under which a Confluent-compatible registry files schemas.

Each schema is there by all three of Confluent's naming strategies, so that a stock client finds it whichever
one it uses: `stock-sales-value` (the default, by topic), `onhand.SaleRecorded` (by record) and
`stock-sales-onhand.SaleRecorded` (by both). Keys are plain UTF-8 text and have no schema.
"""

from collections.abc import Mapping, Sequence

import schemas
from schemas import Version

Subjects = Mapping[str, tuple[Version, ...]]
"""Schemas by subject; the registry's version numbers are their places, from 1, and the last is the latest."""


def subjects_of(records_by_topic: Mapping[str, Sequence[str]]) -> Subjects:
    """
    Return every subject of topics with these records, sorted by name.

    The first record of a topic comes last in the topic's own subject: what a client gets that asks for the
    latest schema of stock-sales-value must be the topic's main record, SaleRecorded. Raises
    schemas.UnknownRecord.
    """
    subjects: dict[str, tuple[Version, ...]] = {}
    for topic, records in records_by_topic.items():
        main_last = (*records[1:], *records[:1])
        subjects[f"{topic}-value"] = tuple(
            version for record in main_last for version in schemas.versions(record)
        )
        for record in records:
            name = schemas.full_name(record)
            subjects[name] = subjects[f"{topic}-{name}"] = schemas.versions(record)
    return dict(sorted(subjects.items()))
