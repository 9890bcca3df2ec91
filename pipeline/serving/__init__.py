"""Shared by the HTTP servers."""
