-- How many events are neither uploads nor activity nor rejects, by the reason.
WITH left_out AS (
    SELECT reason, count(*) FILTER (WHERE counted) AS events
    FROM events
    WHERE reason IS NOT NULL AND NOT is_rejected
    GROUP BY reason
    UNION ALL
    SELECT 'duplicate delivery' AS reason, sum(deliveries - 1) AS events
    FROM repeated
    UNION ALL
    SELECT 'part of another upload' AS reason, count(DISTINCT event_key) AS events
    FROM events
    WHERE is_upload AND event_key IN (SELECT pairs.edit_key FROM pairs)
)

SELECT reason, CAST(events AS BIGINT) AS events
FROM left_out
WHERE events > 0
ORDER BY reason
