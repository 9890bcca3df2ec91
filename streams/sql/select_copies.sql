-- What the store has of each identity, as a receipt has it.
-- (Never name the parameter here: psycopg2 fills it in in comments too.)
select
    stored.source,
    stored.id,
    to_char(stored.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(stored.stored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    stored.origin,
    stored.traceparent
from events as stored
join jsonb_to_recordset(%(rows)s::jsonb) as row (source text, id text) using (source, id)
