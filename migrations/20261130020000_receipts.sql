-- migrate:up

-- Service B tells a sender that waits what the row says: when it was stored, and where it came from.
grant select (received_at, stored_at, origin, traceparent) on events to mensageria_service_b;

-- migrate:down

revoke select (received_at, stored_at, origin, traceparent) on events from mensageria_service_b;
