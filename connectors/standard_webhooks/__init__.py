"""Standard Webhooks connector: events of any system that can sign an HTTP request."""
