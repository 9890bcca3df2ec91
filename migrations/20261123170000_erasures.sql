-- migrate:up

create table erasures (
    id           bigint generated always as identity primary key,
    reference    text not null,
    begun_at     timestamptz not null default clock_timestamp(),
    ended_at     timestamptz,
    rows         bigint,
    items        bigint,
    dead_letters bigint
);

comment on table erasures is 'What `mensageria erase` did. Neither the subject nor a hash of it is kept.';
comment on column erasures.reference is 'The request''s number in the operator''s own register.';
comment on column erasures.ended_at is 'Null where it was interrupted: erase again.';

-- migrate:down

drop table erasures;
