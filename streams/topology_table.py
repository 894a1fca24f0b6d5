"""
The README's topic table, made from the topology: `python -m streams.topology_table` writes it anew.

The table stands between two marker lines; a house test fails when it is not the one made here.
"""

import sys
from pathlib import Path

from streams.topology import Topic, all_topics

BEGIN = "<!-- topics: made by python -m streams.topology_table -->"
END = "<!-- /topics -->"
README = Path("README.md")
CHANNEL_PLACEHOLDER = "<channel>"  # The table describes any installation, whatever its channels are called.


class MissingMarkersError(ValueError):
    """The text has no place for the table."""


def markdown() -> str:
    """Return the table of all topics, a row each, without a newline at the end."""
    head = ("| topic | key | kept | what | records |", "|---|---|---|---|---|")
    return "\n".join((*head, *(_row(topic) for topic in all_topics([CHANNEL_PLACEHOLDER]))))


def _row(topic: Topic) -> str:
    kept = "latest by key" if topic.retention_days is None else f"{topic.retention_days} days"
    # Between backticks the placeholder is shown as it is; elsewhere it would be taken for a tag.
    purpose = topic.purpose.replace(f"what {CHANNEL_PLACEHOLDER}", "what that channel")
    internal = " (internal)" if topic.internal else ""
    records = ", ".join(f"`{record}`" for record in topic.records)
    return f"| `{topic.name}` | {topic.key} | {kept} | {purpose}{internal} | {records} |"


def table_of(text: str) -> str:
    """Return what stands between the markers. Raises MissingMarkersError when they aren't there once each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise MissingMarkersError(f"put the lines {BEGIN!r} and {END!r} where the topic table belongs")
    return text.partition(BEGIN)[2].partition(END)[0].strip("\n")


def with_table(text: str) -> str:
    """Return the text with the present table between its markers. Raises MissingMarkersError."""
    table_of(text)
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{markdown()}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write the table into README.md of the working directory."""
    try:
        README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, MissingMarkersError) as error:
        sys.exit(f"{README}: {error}")


if __name__ == "__main__":
    main()
