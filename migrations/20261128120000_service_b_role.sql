-- migrate:up

-- Service B's own, as the query has one: it has no password, and so no way in, until
-- `python -m infra.database_roles` gives it one. Roles belong to the server: it may be there already.
do $$
begin
    if not exists (select from pg_roles where rolname = 'mensageria_service_b') then
        create role mensageria_service_b login connection limit 200;
    end if;
end
$$;

grant usage on schema public to mensageria_service_b;
-- It adds rows, whose stored_at is the server's, and compares contents by their hashes: it reads no event back.
grant insert (
    source, id, type, subject, "time", received_at, publisher, traceparent, origin, content_hash, event
) on events to mensageria_service_b;
grant select (source, id, content_hash) on events to mensageria_service_b;

-- migrate:down

drop owned by mensageria_service_b;
drop role mensageria_service_b;
