-- One page of the range, behind the place where the last one ended.
select
    to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at,
    source,
    id,
    encode(content_hash, 'hex') as content_hash
from events
where (received_at, source, id) > (%(after_time)s::timestamptz, %(after_source)s, %(after_id)s)
    and received_at < %(until)s::timestamptz
order by events.received_at, source, id
limit %(rows)s
