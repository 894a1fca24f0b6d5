"""Errors that a command tells its user."""


class UserError(Exception):
    """One clear sentence that says what is wrong and what to do; printed to standard error, exit code 2."""
