"""Services B and C: events from SQS and Kafka into PostgreSQL and DynamoDB."""
