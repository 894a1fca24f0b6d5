"""WooCommerce: orders and products in."""
