-- In sixteen parts by a hash of the identity: a unique index over all parts must have what splits them in its key.
create table events (like whole including defaults) partition by hash (source, id);
do $$
begin
    for part in 0 .. 15 loop
        execute format('create table part_%s partition of events for values with (modulus 16, remainder %s)', part, part);
    end loop;
end
$$;
