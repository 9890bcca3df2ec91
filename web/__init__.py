"""The pages: publish an event, follow it, find it again."""
