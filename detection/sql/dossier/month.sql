-- The largest three hours of each day, of the 30 days before each alert to its end, in the alert's scope; of a flood,
-- those of its users together. A window belongs to the day that it starts on.
-- Reads: subjects, user_hours.
WITH hours AS (
  SELECT s.alert_id, h.hour, sum(h.files) AS files, sum(h.bytes) AS bytes
  FROM subjects s
  JOIN user_hours h
    ON h."user" = s."user"
    AND h.population IS NOT NULL
    AND h.hour >= s.opens - INTERVAL 30 DAY
    AND h.hour < s.ends
    AND (s.scope = 'all' OR h.provider = s.scope)
  GROUP BY s.alert_id, h.hour
),
windows AS (
  SELECT
    alert_id,
    hour,
    sum(files) OVER following AS files,
    sum(bytes) OVER following AS bytes
  FROM hours
  WINDOW following AS (
    PARTITION BY alert_id ORDER BY hour RANGE BETWEEN CURRENT ROW AND INTERVAL 2 HOUR FOLLOWING
  )
)
SELECT
  alert_id,
  CAST(hour AS DATE) AS day,
  CAST(max(files) AS BIGINT) AS files,
  CAST(max(bytes) AS BIGINT) AS bytes
FROM windows
GROUP BY alert_id, CAST(hour AS DATE)
ORDER BY alert_id, day
