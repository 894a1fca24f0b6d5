"""The `onhand` commands."""
