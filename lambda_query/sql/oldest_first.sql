-- One page of the list between two places, both excluded. An absent filter is null.
select
    to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at,
    source,
    id,
    type,
    subject,
    event ->> 'time' as "time",
    case when :with_event then cast(event as text) end as event
from events
where (received_at, source, id) > (cast(:low_received_at as timestamptz), :low_source, :low_id)
    and (received_at, source, id) < (cast(:high_received_at as timestamptz), :high_source, :high_id)
    and (cast(:source as text) is null or source = :source)
    and (cast(:type as text) is null or type = :type)
    and (cast(:subject as text) is null or subject = :subject)
order by events.received_at, source, id
limit :rows
