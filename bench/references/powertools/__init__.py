"""The reference query: Powertools with validation, the runtime's boto3, no byte code in the archive."""
