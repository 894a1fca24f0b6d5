"""Shopify: orders, refunds and inventory levels in."""
