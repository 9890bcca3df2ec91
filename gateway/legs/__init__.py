"""The two publications of an event, SNS and Kafka, and how they fail."""
