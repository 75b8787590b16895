-- What the lookups know of the sizes that the log does not carry.
WITH unsized AS (
    SELECT DISTINCT event_key, asset, file_id, time
    FROM events
    WHERE is_upload AND bytes IS NULL AND file_id IS NOT NULL
),

looked_up AS (
    SELECT
        unsized.event_key,
        unsized.asset,
        file_sizes.state,
        file_sizes.modified_at,
        file_sizes.bytes,
        file_sizes.modified_at <= unsized.time + INTERVAL 5 MINUTE AS is_the_upload
    FROM unsized
    INNER JOIN file_sizes ON unsized.file_id = file_sizes.file_id AND file_sizes.checked_at >= unsized.time
    WHERE
        file_sizes.state = 'gone'
        OR (file_sizes.state = 'found' AND file_sizes.bytes BETWEEN 0 AND 1125899906842624)
),

summed AS (
    SELECT
        event_key,
        asset,
        arg_max(bytes, modified_at) FILTER (WHERE state = 'found' AND is_the_upload) AS at_upload,
        coalesce(
            arg_min(bytes, modified_at) FILTER (WHERE state = 'found' AND NOT is_the_upload),
            max(bytes) FILTER (WHERE state = 'found' AND is_the_upload IS NULL)
        ) AS later
    FROM looked_up
    GROUP BY event_key, asset
)

SELECT
    event_key,
    asset,
    coalesce(at_upload, later) AS bytes,
    CASE
        WHEN at_upload IS NOT NULL THEN 'recovered'
        WHEN later IS NOT NULL THEN 'later_version'
        ELSE 'gone'
    END AS size_source
FROM summed
