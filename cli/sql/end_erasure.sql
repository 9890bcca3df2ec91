update erasures
set ended_at = clock_timestamp(), rows = %(rows)s, items = %(items)s, dead_letters = %(dead_letters)s
where id = %(id)s
