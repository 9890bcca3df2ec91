-- What a list shows of the events with these identities, [[source, id], ...], that are here.
select
    to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    source,
    id,
    type,
    subject,
    event ->> 'time',
    encode(content_hash, 'hex')
from events
where (source, id) in (
    select wanted ->> 0, wanted ->> 1
    from json_array_elements(cast(:identities as json)) as wanted
)
