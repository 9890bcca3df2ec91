-- The rows of some identities, whole.
select
    to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at,
    source,
    id,
    encode(content_hash, 'hex') as content_hash,
    type,
    subject,
    publisher,
    traceparent,
    coalesce(written, event::text) as event
from events
join jsonb_to_recordset(%(identities)s::jsonb) as wanted (source text, id text) using (source, id)
