insert into erasures (reference) values (%(reference)s) returning id
