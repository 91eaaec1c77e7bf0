"""Measurements: always a ratio to a peer or to a limit in the same run, never a time alone."""
