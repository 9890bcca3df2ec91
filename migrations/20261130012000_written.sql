-- migrate:up

-- Null in the rows from before; adding it rewrites none of them.
alter table events add column written text;

comment on column events.written is
    'The event as it was sent, where jsonb writes one of its numbers in another way (1e307 as 308 digits); else null.';

grant insert (written) on events to mensageria_service_b;

-- migrate:down

alter table events drop column written;
