"""Benchmarks: each compares in one run, repeats and reports the median."""
