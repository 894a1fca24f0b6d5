"""How Onhand grows past one machine: costs measured here, and what they come to at other rates."""
