-- Records of the day that tell of an alert which another record of that day tells of already: of each alert and user the
-- first counts. One that names nobody counts only where none names somebody.
WITH told AS (
    SELECT
        event_key,
        alert_id,
        "user",
        CAST(time AS DATE) AS day,
        min(time) AS time,
        min(CASE WHEN actor_class IN ('system', 'anonymous') THEN 0 ELSE 1 END) AS names_somebody
    FROM events
    WHERE alert_id IS NOT NULL AND reason IS NULL
    GROUP BY event_key, alert_id, "user", CAST(time AS DATE)
),

placed AS (
    SELECT
        event_key,
        names_somebody,
        row_number() OVER (PARTITION BY alert_id, "user", day ORDER BY time, event_key) AS place,
        max(names_somebody) OVER (PARTITION BY alert_id, day) AS somebody
    FROM told
)

SELECT event_key
FROM placed
WHERE place > 1 OR names_somebody < somebody
