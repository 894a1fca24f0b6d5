"""Grafana dashboards: `boards` says what they show, `build` writes their JSON."""
