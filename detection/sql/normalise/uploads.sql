-- The uploads of the day, each once, with what the log alone tells, and what a look-up of the size needs.
WITH delivered AS (
    SELECT * FROM once WHERE outcome = 'upload'
),

paired AS (
    SELECT upload_key, max(bytes) AS bytes FROM pairs GROUP BY upload_key
)

SELECT
    delivered.provider,
    delivered.event_key,
    delivered.asset,
    delivered.time,
    delivered.user_id,
    delivered."user",
    delivered.actor_class,
    delivered.kind,
    delivered.operation,
    delivered.file_id,
    delivered.version,
    delivered.file_name,
    delivered.extension,
    delivered.folder,
    delivered.owner,
    greatest(delivered.bytes, paired.bytes) AS bytes,
    delivered.app,
    delivered.ip,
    delivered.country,
    delivered.asker,
    delivered.site_id,
    delivered.list_id,
    delivered.folder_id
FROM delivered
LEFT JOIN paired ON delivered.event_key = paired.upload_key
WHERE delivered.event_key NOT IN (SELECT pairs.edit_key FROM pairs)
-- The hash stands for the key: as good an order, and a number sorts faster than a text.
ORDER BY delivered.time, hash(delivered.event_key), delivered.asset
