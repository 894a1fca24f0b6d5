"""EDIFACT connector: despatch advices, receiving advices and inventory reports as events."""
