"""A reference: the plain clients aiokafka, aiobotocore and asyncpg, batched as one would in an afternoon.

The same durability: acks=all, idempotent, 202 after both; a message is deleted, an offset
committed, after the store has what it brought.
"""
