"""Watching Onhand with Prometheus: what to scrape, rules, alerts and their tests."""
