-- One page of the events in the order in which they were stored, behind a place. An absent filter is null.
-- It reads at most :most rows, from which the filters choose. Answers when it was asked, where the reading
-- ended, and beside that each row that matches, or one row without an event. Contents are there up to
-- :bytes in all; one that is longer alone is 'null'.
with scanned as (
    select stored_at, received_at, source, id, type, subject, event, written
    from events
    where (stored_at, source, id) > (cast(:low_stored_at as timestamptz), :low_source, :low_id)
    order by {order}
    limit :most
),
matching as (
    select *, case when :with_event then coalesce(written, cast(event as text)) end as body
    from scanned
    where (cast(:type as text) is null or type = :type)
        and (cast(:source as text) is null or source = :source)
        and (cast(:id as text) is null or id = :id)
        and (cast(:subject as text) is null or subject = :subject)
    order by {order}
    limit :rows
),
{sized}
select
    to_char(statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(reached.stored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    reached.source,
    reached.id,
    to_char(sized.stored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    sized.source,
    sized.id,
    sized.type,
    sized.subject,
    sized.event ->> 'time',
    to_char(sized.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    case when bytes_before < :bytes then case when octet_length(body) <= :bytes then body else 'null' end end
from (select) as always
left join reached on true
left join sized on true
order by sized.stored_at, sized.source, sized.id
