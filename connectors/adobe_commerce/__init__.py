"""Adobe Commerce connector: tells the shop what it may sell of each source; README.md says how."""
