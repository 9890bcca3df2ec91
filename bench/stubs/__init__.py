"""Servers that stand in for AWS where the real thing would cap the measurement; each counts what it took."""
