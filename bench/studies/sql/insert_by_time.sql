-- As streams/sql/insert_events.sql, the identities first: what is new there is new.
with row as (
    select * from jsonb_to_recordset(%(rows)s::jsonb) as row (
        source text, id text, type text, subject text, "time" timestamptz, received_at timestamptz,
        publisher text, traceparent text, origin jsonb, content_hash text, event jsonb
    )
),
new as (
    insert into identities (source, id, received_at, content_hash)
    select source, id, received_at, decode(content_hash, 'hex') from row
    on conflict (source, id) do nothing
    returning source, id
)
insert into events (
    source, id, type, subject, "time", received_at, publisher, traceparent, origin, content_hash, event
)
select
    source, id, row.type, row.subject, row."time", row.received_at, row.publisher, row.traceparent,
    row.origin, decode(row.content_hash, 'hex'), row.event
from row join new using (source, id)
returning source, id
