"""The load generator: HTTP requests as cheap as Python makes them, in a process of its own."""
