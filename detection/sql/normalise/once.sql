-- The uploads and the activity of the day, each once: of several deliveries of an event one is taken, the same one
-- whatever the order. Only what was delivered more than once is sorted for that.
WITH numbered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY event_key, asset
            ORDER BY is_upload DESC, time, kind, operation, file_id, file_name, bytes, "user", ip, app, file_hash
        ) AS delivery
    FROM events
    WHERE (is_upload OR is_activity) AND event_key IN (SELECT repeated.event_key FROM repeated)
)

SELECT * EXCLUDE (delivery) FROM numbered WHERE delivery = 1
UNION ALL
SELECT *
FROM events
WHERE (is_upload OR is_activity) AND event_key NOT IN (SELECT repeated.event_key FROM repeated)
