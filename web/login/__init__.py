"""Login and roles."""
