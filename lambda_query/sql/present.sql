-- Which of the identities [[source, id], ...] are here.
select source, id
from events
where (source, id) in (
    select wanted ->> 0, wanted ->> 1
    from json_array_elements(cast(:identities as json)) as wanted
)
