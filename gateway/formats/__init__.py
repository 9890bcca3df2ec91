"""The forms in which a request may carry events."""
