-- Outcome of each line of the requested files: one row per line.
WITH files AS (
    SELECT file, hash(file) AS file_hash
    FROM asked_files
),

amounts AS (
    SELECT
        event_key,
        count(*) AS files,
        CASE WHEN count(*) = count(bytes) THEN CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END END AS bytes
    FROM uploads
    GROUP BY event_key
),

-- An alert may name several accounts; the event then has a row for each.
others AS (
    SELECT event_key, count(DISTINCT "user") AS users
    FROM events
    WHERE kind IS NOT NULL AND NOT brings_content AND asset > 0
    GROUP BY event_key
)

SELECT
    files.file,
    CASE
        WHEN events.is_rejected THEN 'rejected'
        WHEN events.reason IS NOT NULL THEN 'ignored'
        WHEN events.brings_content THEN 'upload'
        ELSE 'activity'
    END AS outcome,
    events.reason,
    events.kind,
    events.operation,
    events.time,
    -- Events that are neither upload nor activity show no user.
    CASE WHEN events.kind IS NOT NULL THEN events."user" END AS "user",
    CASE WHEN events.kind IS NOT NULL THEN events.actor_class END AS actor_class,
    coalesce(others.users, 0) AS other_users,
    events.ip,
    events.country,
    events.app,
    events.file_name,
    CASE WHEN events.brings_content AND events.reason IS NULL THEN amounts.files END AS files,
    CASE WHEN events.brings_content AND events.reason IS NULL THEN amounts.bytes END AS bytes,
    events.event_key,
    events.detail
FROM events
INNER JOIN files ON events.file_hash = files.file_hash
LEFT JOIN amounts ON events.event_key = amounts.event_key
LEFT JOIN others ON events.event_key = others.event_key
WHERE events.counted
ORDER BY files.file, events.reason IS NOT NULL, events.event_key
