-- The files of the day's uploads whose size neither the log nor an earlier lookup tells.
WITH unsized AS (
    SELECT
        CASE
            WHEN $provider = 'office365' THEN ''
            WHEN has_address AND actor_class IN ('person', 'app') THEN "user"
            WHEN owner LIKE '%_@_%' THEN lower(owner)
        END AS asker,
        file_id,
        time,
        coalesce(site_id, '') AS site_id,
        coalesce(list_id, '') AS list_id
    FROM events
    WHERE
        is_upload AND bytes IS NULL AND file_id IS NOT NULL
        AND event_key NOT IN (SELECT pairs.edit_key FROM pairs)
        AND event_key NOT IN (SELECT pairs.upload_key FROM pairs WHERE pairs.bytes IS NOT NULL)
),

checked AS (
    SELECT file_id, max(checked_at) AS checked_at
    FROM file_sizes
    WHERE state IN ('found', 'gone')
    GROUP BY file_id
)

SELECT
    unsized.asker AS "user",
    unsized.file_id,
    min(unsized.time) AS since,
    unsized.site_id,
    unsized.list_id
FROM unsized
LEFT JOIN checked
    ON unsized.file_id = checked.file_id AND checked.checked_at >= unsized.time + INTERVAL 5 MINUTE
WHERE unsized.asker IS NOT NULL AND checked.file_id IS NULL
GROUP BY unsized.asker, unsized.file_id, unsized.site_id, unsized.list_id
ORDER BY "user", file_id
