"""Drop sink: delivers availability as files into a directory, for whatever fetches them; README.md is its contract."""
