"""Faults under load on the real parts, and what they may not do."""
