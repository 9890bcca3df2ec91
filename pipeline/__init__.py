"""Shared by the services: the event, settings, errors, dead letters, clients, logs and metrics."""
