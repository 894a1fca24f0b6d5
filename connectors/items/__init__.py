"""SKU master data at the edge: files of items in, and what channels' identifiers mean by the items in force."""
