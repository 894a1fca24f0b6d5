"""Agents: thin, each decodes, applies and emits; rules live in the domain and plumbing in the engine."""
