-- One event; its content is null where it is longer than :bytes.
select
    to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at,
    to_char(stored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as stored_at,
    cast(origin as text) as origin,
    traceparent,
    encode(content_hash, 'hex') as content_hash,
    case when octet_length(body) <= cast(:bytes as bigint) then body end as event
from events
cross join lateral (select coalesce(written, cast(event as text)) as body) as text
where source = :source and id = :id
