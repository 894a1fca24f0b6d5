"""How Onhand is run: the embedded stack for laptops and tests, and what production needs."""
