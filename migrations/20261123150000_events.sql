-- migrate:up

-- Bytewise order ("C"), as DynamoDB and Python sort: one order over both stores.
create table events (
    source       text collate "C" not null,
    id           text collate "C" not null,
    type         text not null,
    subject      text,
    "time"       timestamptz,
    received_at  timestamptz not null,
    stored_at    timestamptz not null default clock_timestamp(),
    publisher    text,
    origin       jsonb not null,
    content_hash bytea not null,
    event        jsonb not null,
    primary key (source, id)
);

comment on table events is 'One row an event; the first content of an identity stays.';
comment on column events.received_at is 'When the gateway accepted it.';
comment on column events.origin is 'The queue and the message that it was stored from.';
comment on column events.content_hash is 'SHA-256 of the content: tells a repeat from a conflict.';

create index events_by_received_at on events (received_at, source, id);

-- migrate:down

drop table events;
