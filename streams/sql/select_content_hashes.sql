-- The content that the store holds of each identity.
-- (Never name the parameter here: psycopg2 fills it in in comments too.)
select stored.source, stored.id, stored.content_hash
from events as stored
join jsonb_to_recordset(%(rows)s::jsonb) as row (source text, id text) using (source, id)
