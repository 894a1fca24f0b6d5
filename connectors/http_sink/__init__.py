"""HTTP sink: delivers availability to any channel that takes JSON over HTTP; README.md is its contract."""
