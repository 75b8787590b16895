-- Keys for events without an id. Events that are equal in all fields read count as several events within one file, but
-- as the same event in two files. So the number within the file becomes part of the key.
WITH alike AS (
    SELECT file_hash, event_key
    FROM events
    WHERE counted
    GROUP BY file_hash, event_key
    HAVING count(*) > 1
),

counted_out AS (
    SELECT
        events.*,
        row_number() OVER (
            PARTITION BY events.file_hash, events.event_key, events.asset ORDER BY events.time
        ) AS n
    FROM events
    INNER JOIN alike ON events.file_hash = alike.file_hash AND events.event_key = alike.event_key
),

alone AS (
    SELECT events.*, 1 AS n
    FROM events
    LEFT JOIN alike ON events.file_hash = alike.file_hash AND events.event_key = alike.event_key
    WHERE alike.event_key IS NULL
)

SELECT * EXCLUDE (n) REPLACE (event_key || '-' || CAST(n AS VARCHAR) AS event_key) FROM counted_out
UNION ALL
SELECT * EXCLUDE (n) REPLACE (event_key || '-' || CAST(n AS VARCHAR) AS event_key) FROM alone
