-- Counts of the day's events: users with uploads and with activity by hour, all events by operation, and the events of
-- a sample by field. An upload or activity that was delivered twice counts once; any other event counts as often as it
-- was delivered, as in `ignored`. `known`: whether the rules name the operation, or read the field.
-- `perhaps_upload` repeats the unknown operations with names like those of uploads. Users are counted rather than
-- files: a burst of one user would hide that everybody else is missing.
WITH by_hour AS (
    SELECT
        CASE WHEN brings_content THEN 'uploads' ELSE 'activity' END AS kind,
        date_trunc('hour', time) AS hour,
        "user"
    FROM events
    WHERE reason IS NULL
),

by_reason AS (
    SELECT operation, reason, count(*) AS events
    FROM events
    WHERE counted AND operation <> '' AND coalesce(reason NOT IN ('another day', 'duplicate delivery'), TRUE)
    GROUP BY operation, reason
),

by_operation AS (
    SELECT
        left(operation, 120) AS name,
        CAST(sum(events) AS BIGINT) AS events,
        NOT coalesce(bool_or(reason LIKE 'unknown operation%'), FALSE) AS known,
        coalesce(bool_or(reason = 'unknown operation, perhaps an upload'), FALSE) AS perhaps_upload
    FROM by_reason
    GROUP BY left(operation, 120)
    -- A provider has hundreds; more would be hostile.
    ORDER BY events DESC, name
    LIMIT 1000
)

SELECT kind, CAST(hour AS VARCHAR) AS name, count(DISTINCT "user") AS events, TRUE AS known
FROM by_hour
GROUP BY kind, hour
UNION ALL
SELECT 'operation' AS kind, name, events, known FROM by_operation
UNION ALL
SELECT 'perhaps_upload' AS kind, name, events, FALSE AS known FROM by_operation WHERE perhaps_upload
UNION ALL
SELECT 'field' AS kind, name, events, list_contains(CAST($read_fields AS VARCHAR []), name) AS known
FROM sampled_fields
UNION ALL
SELECT 'sample' AS kind, 'events' AS name, events, TRUE AS known FROM sample_size
ORDER BY kind, name
