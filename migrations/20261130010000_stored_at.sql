-- migrate:up

-- The order in which events were stored: what is followed is what came since, whatever time it claims.
create index events_by_stored_at on events (stored_at, source, id);

-- migrate:down

drop index events_by_stored_at;
