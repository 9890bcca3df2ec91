update erasures
set
    ended_at = case when %(whole)s then clock_timestamp() end,
    rows = %(rows)s,
    items = %(items)s,
    dead_letters = %(dead_letters)s
where id = %(id)s
