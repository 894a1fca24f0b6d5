"""What each dashboard shows, one module a dashboard."""
