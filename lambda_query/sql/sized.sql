-- The end of what page.sql and stored.sql read by: the bytes of the contents before each row, and the last row read.
sized as (
    select
        *,
        coalesce(sum(case when octet_length(body) <= :bytes then octet_length(body) end) over (
            order by {order}
            rows between unbounded preceding and 1 preceding
        ), 0) as bytes_before
    from matching
),
reached as (
    select {place}
    from scanned
    order by {order}
    offset cast(:most as bigint) - 1
)
