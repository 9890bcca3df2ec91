-- migrate:up

-- An id that somebody has in hand, without its source: found as by each other filter of the query.
create index events_by_id on events (id, received_at, source);

-- migrate:down

drop index events_by_id;
