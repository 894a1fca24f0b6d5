"""Connectors bring channel events in and take availability out: one package for each kind of channel."""
