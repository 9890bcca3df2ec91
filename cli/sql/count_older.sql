select count(*) from events where received_at < %(before)s::timestamptz
