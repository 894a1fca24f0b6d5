"""Polling: channels asked for what has changed, where webhooks may be missed."""
