-- The largest window of each day in the alert's scope, from $training_days before each alert to its end; for a group,
-- of its users together. A window belongs to the day on which it starts, and counts a file once, as in scores.sql.
-- Reads: subjects, user_hours.
WITH hours AS (
  SELECT s.alert_id, h.hour, h.files, h.again_files, h.bytes
  FROM subjects s
  JOIN user_hours h
    ON h."user" = s."user"
    AND h.population IS NOT NULL
    AND h.hour >= s.opens - $training_days * INTERVAL 1 DAY
    AND h.hour < s.ends
    AND (s.scope = 'all' OR h.provider = s.scope)
),
slid AS (
  SELECT
    h.alert_id, h.hour - p.hours * INTERVAL 1 HOUR AS window_start,
    h.files + coalesce(h.again_files[p.hours + 1], 0) AS files,
    h.bytes
  FROM hours h
  CROSS JOIN (SELECT unnest(range($window_hours)) AS hours) p
),
windows AS (
  SELECT s.alert_id, s.window_start, sum(s.files) AS files, sum(s.bytes) AS bytes
  FROM slid s
  JOIN (SELECT DISTINCT alert_id, hour FROM hours) h ON h.alert_id = s.alert_id AND h.hour = s.window_start
  GROUP BY s.alert_id, s.window_start
)
SELECT
  alert_id,
  CAST(window_start AS DATE) AS day,
  CAST(max(files) AS BIGINT) AS files,
  CAST(max(bytes) AS BIGINT) AS bytes
FROM windows
GROUP BY alert_id, CAST(window_start AS DATE)
ORDER BY alert_id, day
