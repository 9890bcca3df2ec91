"""Service A: events in over HTTP, out to SNS and Kafka."""
