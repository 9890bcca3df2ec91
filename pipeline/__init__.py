"""What the services share: the event, settings, errors, dead letters, logs and metrics."""
