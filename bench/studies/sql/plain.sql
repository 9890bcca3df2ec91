-- The table as the migrations make it.
create table events (like whole including defaults);
