-- What the users of each alert uploaded on each day, to draw the alert in.
-- Of a test window, the largest window of each day in the alert's scope, from $training_days before the alert to its end;
-- for a group, of its users together. A window belongs to the day on which it starts, and counts a file once, as in
-- scores.sql. Of a long scale, the day's total at all sources: over the days added up, and as many of the scale before.
-- Reads: subjects, user_hours.
WITH hours AS (
  SELECT s.alert_id, h.hour, h.files, h.again_files, h.bytes
  FROM subjects s
  JOIN user_hours h
    ON h."user" = s."user"
    AND h.population IS NOT NULL
    AND h.hour >= s.opened - $training_days * INTERVAL 1 DAY
    AND h.hour < s.ends
    AND (s.scope IN ('all', 'week', 'month') OR h.provider = s.scope)
  WHERE s.scale_days IS NULL
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
),
days AS (
  SELECT s.alert_id, CAST(h.hour AS DATE) AS day, sum(h.files) AS files, sum(h.bytes) AS bytes
  FROM subjects s
  JOIN user_hours h
    ON h."user" = s."user"
    AND h.population IS NOT NULL
    AND h.hour >= s.peak_period_start - s.scale_days * INTERVAL 1 DAY
    AND h.hour < s.peak_window_end
  WHERE s.scale_days IS NOT NULL
  GROUP BY s.alert_id, CAST(h.hour AS DATE)
)
SELECT
  alert_id,
  CAST(window_start AS DATE) AS day,
  CAST(max(files) AS BIGINT) AS files,
  CAST(max(bytes) AS BIGINT) AS bytes
FROM windows
GROUP BY alert_id, CAST(window_start AS DATE)
UNION ALL
SELECT alert_id, day, CAST(files AS BIGINT) AS files, CAST(bytes AS BIGINT) AS bytes
FROM days
ORDER BY alert_id, day
