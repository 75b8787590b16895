-- What became of each line, one row a line.
WITH files AS (
    SELECT file, hash(file) AS file_hash
    FROM (SELECT unnest(CAST($files AS VARCHAR [])) AS file)
),

lines AS (
    SELECT *, row_number() OVER (PARTITION BY file_hash, event_key ORDER BY time) AS delivery
    FROM events
    WHERE counted
),

taken AS (
    SELECT DISTINCT event_key, file_hash FROM once
),

judged AS (
    SELECT
        lines.* EXCLUDE (reason),
        CASE
            WHEN lines.reason IS NOT NULL THEN lines.reason
            WHEN taken.event_key IS NULL OR lines.delivery > 1 THEN 'duplicate delivery'
            WHEN lines.event_key IN (SELECT pairs.edit_key FROM pairs) THEN 'part of another upload'
        END AS reason
    FROM lines
    LEFT JOIN taken ON lines.event_key = taken.event_key AND lines.file_hash = taken.file_hash
),

amounts AS (
    SELECT
        event_key,
        count(*) AS files,
        CASE WHEN count(*) = count(bytes) THEN CAST(sum(bytes) AS BIGINT) END AS bytes
    FROM uploads
    GROUP BY event_key
)

SELECT
    files.file,
    CASE
        WHEN judged.is_rejected THEN 'rejected'
        WHEN judged.reason IS NOT NULL THEN 'ignored'
        WHEN judged.is_upload THEN 'upload'
        ELSE 'activity'
    END AS outcome,
    judged.reason,
    judged.kind,
    judged.operation,
    judged.time,
    -- Of what is neither upload nor activity nobody is told.
    CASE WHEN judged.kind IS NOT NULL THEN judged."user" END AS "user",
    CASE WHEN judged.kind IS NOT NULL THEN judged.actor_class END AS actor_class,
    judged.file_name,
    CASE WHEN judged.is_upload AND judged.reason IS NULL THEN amounts.files END AS files,
    CASE WHEN judged.is_upload AND judged.reason IS NULL THEN amounts.bytes END AS bytes,
    judged.detail
FROM judged
INNER JOIN files ON judged.file_hash = files.file_hash
LEFT JOIN amounts ON judged.event_key = amounts.event_key
ORDER BY files.file, judged.reason IS NOT NULL, judged.event_key
