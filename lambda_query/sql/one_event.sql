select
    to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at,
    to_char(stored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as stored_at,
    cast(origin as text) as origin,
    traceparent,
    encode(content_hash, 'hex') as content_hash,
    coalesce(written, cast(event as text)) as event
from events
where source = :source and id = :id
