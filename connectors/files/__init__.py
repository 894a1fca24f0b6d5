"""File connector: events from CSV and JSON-lines files, as a declarative mapping says."""
