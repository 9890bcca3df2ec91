"""Shared by all pages: languages, filters, protection, error pages, live streams."""
