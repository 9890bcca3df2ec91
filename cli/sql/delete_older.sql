-- One batch, the oldest first; what a writer holds is left for the next time.
delete from events
where (source, id) in (
    select source, id
    from events
    where received_at < %(before)s::timestamptz
    order by received_at, source, id
    limit %(rows)s
    for update skip locked
)
