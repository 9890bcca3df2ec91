-- A part a day, which can't keep an identity unique over all days: that is left to a table of identities.
create table events (like whole including defaults) partition by range (received_at);
do $$
begin
    for day in -31 .. 1 loop
        execute format(
            'create table part_%s partition of events for values from (%L) to (%L)', day + 31,
            date_trunc('day', now()) + day * interval '1 day', date_trunc('day', now()) + (day + 1) * interval '1 day'
        );
    end loop;
end
$$;
create table identities (
    source text collate "C" not null,
    id text collate "C" not null,
    received_at timestamptz not null,
    content_hash bytea not null,
    primary key (source, id)
);
