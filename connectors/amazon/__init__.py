"""Amazon Selling Partner API: orders and quantities in."""
