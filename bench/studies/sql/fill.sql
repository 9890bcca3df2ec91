-- So many events, spread over thirty days; their ids are in no order, as those of foreign senders.
insert into events (source, id, type, subject, "time", received_at, origin, content_hash, event)
select
    'https://shop.example/orders', md5(number::text), 'example.shop.order.v' || number %% 10,
    'orders/' || number %% 10000, moment, moment, '{"queue": "events-b"}', sha256(number::text::bytea),
    jsonb_build_object(
        'specversion', '1.0', 'source', 'https://shop.example/orders', 'id', md5(number::text),
        'type', 'example.shop.order.v' || number %% 10, 'subject', 'orders/' || number %% 10000, 'time', moment,
        'data', jsonb_build_object('order', number, 'note', repeat('n', 250))
    )
from
    generate_series(%(low)s::bigint, %(high)s::bigint) as number,
    lateral (select now() - number * 7919 %% 2592000 * interval '1 second' as moment) as at
