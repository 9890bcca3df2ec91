-- migrate:up

-- Roles belong to the server, not to this database: it may be there already.
-- It has no password, and so no way in, until `python -m infra.database_roles` gives it one.
do $$
begin
    if not exists (select from pg_roles where rolname = 'mensageria_query') then
        create role mensageria_query login connection limit 200;
    end if;
end
$$;

-- Here and not by each connection: RDS Proxy pins a connection that sets something.
alter role mensageria_query set default_transaction_read_only = on;
alter role mensageria_query set statement_timeout = '10s';
-- Each of its questions is a range of an index, in the index's order. Other plans are cheaper now and
-- then, but read more the more there is.
alter role mensageria_query set enable_seqscan = off;
alter role mensageria_query set enable_bitmapscan = off;

grant usage on schema public to mensageria_query;
grant select on events to mensageria_query;

-- migrate:down

drop owned by mensageria_query;
drop role mensageria_query;
