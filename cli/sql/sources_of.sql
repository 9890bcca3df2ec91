-- The sources that have an event with this id: one step through the primary key for each source, not for each row.
with recursive sources as (
    (select source from events order by source limit 1)
    union all
    select (select events.source from events where events.source > sources.source order by events.source limit 1)
    from sources
    where sources.source is not null
)
select source
from sources
where exists (select from events where events.source = sources.source and events.id = %(id)s)
order by source
