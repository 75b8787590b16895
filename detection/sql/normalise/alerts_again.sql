-- Events with a repeated alert: another record of the day already reports it for the same user. For each alert and user
-- the first record counts. A record that names nobody counts only if no record names somebody. An event that names
-- several users stays with those users that no earlier record names; `counted` marks one of its rows.
WITH alert_rows AS (
    SELECT
        event_key,
        asset,
        alert_id,
        "user",
        CAST(time AS DATE) AS day,
        min(time) AS time,
        min(CASE WHEN actor_class IN ('system', 'anonymous') THEN 0 ELSE 1 END) AS names_somebody
    FROM events
    WHERE alert_id IS NOT NULL AND reason IS NULL
    GROUP BY event_key, asset, alert_id, "user", CAST(time AS DATE)
),

placed AS (
    SELECT
        event_key,
        asset,
        names_somebody,
        row_number() OVER (PARTITION BY alert_id, "user", day ORDER BY time, event_key) AS place,
        max(names_somebody) OVER (PARTITION BY alert_id, day) AS somebody
    FROM alert_rows
),

marked AS (
    SELECT event_key, asset, place > 1 OR names_somebody < somebody AS is_again
    FROM placed
)

SELECT
    event_key,
    asset,
    is_again,
    row_number() OVER (PARTITION BY event_key ORDER BY is_again, asset) = 1 AS counted
FROM marked
QUALIFY bool_or(is_again) OVER (PARTITION BY event_key)
