-- migrate:up

alter table erasures add column not_reached text not null default
    'the Kafka topic of the events, until its retention; messages still in the queues, which may store the events again; backups and exports, until theirs; logs, which have ids and no bodies';

comment on column erasures.not_reached is 'What an erasure leaves, and until when.';

-- migrate:down

alter table erasures drop column not_reached;
