"""The whole system on this machine without Docker: its servers and its services."""
