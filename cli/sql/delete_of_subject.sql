delete from events
using jsonb_to_recordset(%(identities)s::jsonb) as wanted (source text, id text)
where events.source = wanted.source and events.id = wanted.id and events.subject = %(subject)s
