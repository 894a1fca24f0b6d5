"""Onhand: one true stock figure for every SKU across every sales channel."""

__version__ = "0.1.0"
