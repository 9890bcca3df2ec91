"""The page that publishes events."""
