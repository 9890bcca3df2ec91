-- How many events there are of each type in each minute.
select to_char(date_trunc('minute', received_at at time zone 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as minute, type, count(*)
from events
where received_at >= cast(:low as timestamptz) and received_at < cast(:high as timestamptz)
group by 1, 2
