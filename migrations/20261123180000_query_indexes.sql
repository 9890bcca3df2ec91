-- migrate:up

-- One for each filter of the query, in its order: a page is a range read, whatever it filters by.
create index events_by_type on events (type, received_at, source, id);
create index events_by_source on events (source, received_at, id);
create index events_by_subject on events (subject, received_at, source, id) where subject is not null;

-- migrate:down

drop index events_by_type, events_by_source, events_by_subject;
