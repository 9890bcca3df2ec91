"""The query: both stores, one answer."""
