"""Clients of AWS and Kafka: the only place that makes them."""
