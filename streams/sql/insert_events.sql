-- One statement a batch: the parameter is a JSON array, one object an event, no identity twice.
-- (Never name it here: psycopg2 fills in parameters in comments too.)
-- Answers the identities that were new; the first content of an identity stays.
insert into events (
    source, id, type, subject, "time", received_at, publisher, traceparent, origin, content_hash, event, written
)
select
    row.source, row.id, row.type, row.subject, row."time", row.received_at, row.publisher, row.traceparent,
    row.origin, decode(row.content_hash, 'hex'), row.event, row.written
from jsonb_to_recordset(%(rows)s::jsonb) as row (
    source text, id text, type text, subject text, "time" timestamptz, received_at timestamptz,
    publisher text, traceparent text, origin jsonb, content_hash text, event jsonb, written text
)
on conflict (source, id) do nothing
returning source, id
