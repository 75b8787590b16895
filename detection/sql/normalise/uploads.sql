-- The uploads of the day, each once, with what the log alone tells, and what a look-up of the size needs.
WITH delivered AS (
    SELECT * FROM once WHERE is_upload
),

paired AS (
    SELECT upload_key, max(bytes) AS bytes FROM pairs GROUP BY upload_key
)

SELECT
    $provider AS provider,
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
    -- The whole match without its first two characters: a group within it would cost several times as much.
    lower(coalesce(
        nullif(delivered.extension_text, ''),
        substr(regexp_extract(delivered.file_name, '[^./\\]\.[A-Za-z0-9_-]{1,16}$', 0), 3),
        ''
    )) AS extension,
    delivered.folder,
    delivered.owner,
    delivered.label,
    delivered.visibility,
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
