"""Reservations: an asyncio client that holds units for checkouts, one SKU or a cart at a time; see README.md."""
