-- How many events are neither uploads nor activity nor rejects, by the reason.
WITH read_lines AS (
    SELECT reason, count(*) FILTER (WHERE counted) AS events
    FROM events
    WHERE outcome IN ('ignored', 'another day')
    GROUP BY reason
),

useful AS (
    SELECT count(*) AS events, count(DISTINCT event_key) AS keys
    FROM events
    WHERE outcome IN ('upload', 'activity') AND counted
),

folded AS (
    SELECT count(DISTINCT event_key) AS events
    FROM events
    WHERE outcome = 'upload' AND event_key IN (SELECT pairs.edit_key FROM pairs)
)

SELECT reason, events FROM read_lines
UNION ALL
SELECT 'duplicate delivery' AS reason, events - keys AS events FROM useful WHERE events > keys
UNION ALL
SELECT 'part of another upload' AS reason, events FROM folded WHERE events > 0
ORDER BY reason
