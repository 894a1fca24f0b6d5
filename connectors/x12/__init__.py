"""X12 connector: inventory advice, ship notices, warehouse orders and their advices as events."""
