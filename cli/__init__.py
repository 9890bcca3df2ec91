"""The command `mensageria`: what an operator does with events, stores and dead letters."""
