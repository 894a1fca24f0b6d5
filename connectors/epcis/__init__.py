"""EPCIS connector: what a warehouse observed of its goods, as events."""
