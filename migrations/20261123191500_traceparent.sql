-- migrate:up

-- Null in the rows from before; adding it rewrites none of them.
alter table events add column traceparent text;

comment on column events.traceparent is 'The event''s place in its trace (W3C Trace Context).';

-- migrate:down

alter table events drop column traceparent;
