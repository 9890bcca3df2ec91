"""A reference: FastAPI at the edge, FastStream on Kafka, pydantic for the events, as their documentation has them.

FastStream has no SQS: the queues are read beside it, ten messages at once. The same durability:
acks=all, idempotent, 202 after both; deleted and committed after the store has what was brought.
"""
