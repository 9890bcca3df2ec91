-- One page of a subject's identities, in the order of the primary key: each row is read once.
select source, id
from events
where subject = %(subject)s and (source, id) > (%(after_source)s, %(after_id)s)
order by source, id
limit %(rows)s
