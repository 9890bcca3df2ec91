-- One page of the list in either order ({order}), between two places, both excluded. An absent filter is null.
-- It reads at most :most rows: one filter leads, by an index, and the others choose among what it finds.
-- Answers the matching rows, and beside each where the reading ended; one row without an event where
-- none matches. Contents are there up to :bytes in all; one that is longer alone is 'null'.
with scanned as (
    select received_at, source, id, type, subject, content_hash, event, written
    from events
    where (received_at, source, id) > (cast(:low_received_at as timestamptz), :low_source, :low_id)
        and (received_at, source, id) < (cast(:high_received_at as timestamptz), :high_source, :high_id)
        and (cast(:leading_type as text) is null or type = :leading_type)
        and (cast(:leading_source as text) is null or source = :leading_source)
        and (cast(:leading_id as text) is null or id = :leading_id)
        and (cast(:leading_subject as text) is null or subject = :leading_subject)
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
    to_char(reached.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    reached.source,
    reached.id,
    to_char(sized.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    sized.source,
    sized.id,
    sized.type,
    sized.subject,
    sized.event ->> 'time',
    encode(sized.content_hash, 'hex'),
    case when bytes_before < :bytes then case when octet_length(body) <= :bytes then body else 'null' end end
from (select) as always
left join reached on true
left join sized on true
