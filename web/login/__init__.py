"""Who may do what, and the login."""
