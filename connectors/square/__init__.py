"""Square: orders, returns and inventory counts in."""
