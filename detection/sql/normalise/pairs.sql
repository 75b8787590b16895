-- Office 365 logs a save (FileModified) beside an upload of the same file: within five minutes the two are one
-- upload, with the larger size. Each save goes to the upload nearest in time. A continued save (FileModifiedExtended)
-- is part of that save likewise, or of the save's upload. Pairs may cross days on purpose.
WITH known AS (
    SELECT
        event_key,
        coalesce(user_id, "user") AS who,
        file_id,
        CASE WHEN kind = 'upload' THEN 2 WHEN operation = 'FileModified' THEN 1 ELSE 0 END AS rank,
        min(time) AS time,
        max(bytes) AS bytes
    FROM events
    WHERE brings_content AND NOT is_rejected AND file_id IS NOT NULL AND time IS NOT NULL
    GROUP BY ALL
),

-- The nearest of the highest rank: an upload before a save.
nearest AS (
    SELECT
        part.event_key AS edit_key,
        part.bytes,
        arg_max(
            whole.event_key,
            struct_pack(
                rank := whole.rank, nearness := -abs(epoch(part.time) - epoch(whole.time)), k := whole.event_key
            )
        ) AS upload_key
    FROM known AS part
    INNER JOIN known AS whole
        ON
            part.who = whole.who AND part.file_id = whole.file_id AND part.rank < whole.rank
            AND whole.time BETWEEN part.time - INTERVAL 5 MINUTE AND part.time + INTERVAL 5 MINUTE
    GROUP BY part.event_key, part.bytes
)

SELECT nearest.edit_key, coalesce(root.upload_key, nearest.upload_key) AS upload_key, nearest.bytes
FROM nearest
LEFT JOIN nearest AS root ON nearest.upload_key = root.edit_key
