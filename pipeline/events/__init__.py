"""The event and its rules, and the forms in which it travels."""
