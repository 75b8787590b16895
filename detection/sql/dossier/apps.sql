-- Applications that uploaded the files, and the number of days before the day of the alert on which the user uploaded
-- with each.
-- Reads: subjects, alert_saves, usual_files. A file that was saved with two applications counts for both.
WITH used AS (
  SELECT
    alert_id, provider, app,
    CASE WHEN count(DISTINCT app_id) = 1 AND count(app_id) = count(*) THEN min(app_id) END AS app_id,
    list(DISTINCT app_id ORDER BY app_id) FILTER (WHERE app_id IS NOT NULL) AS app_ids,
    count(DISTINCT concat("user", '|', day, '|', file)) AS files
  FROM alert_saves
  GROUP BY alert_id, provider, app
),
earlier AS (
  SELECT s.alert_id, u.provider, u.app, count(*) AS files, count(DISTINCT CAST(u.time AS DATE)) AS days
  FROM subjects s
  JOIN usual_files u ON u."user" = s."user" AND u.time >= s.usual_from AND u.time < s.opens - INTERVAL 1 DAY
  GROUP BY s.alert_id, u.provider, u.app
)
SELECT
  u.alert_id,
  u.provider,
  u.app,
  u.app_id,
  u.app_ids,
  u.files,
  coalesce(e.files, 0) AS earlier_files,
  coalesce(e.days, 0) AS earlier_days
FROM used u
LEFT JOIN earlier e
  ON e.alert_id = u.alert_id AND e.provider = u.provider AND e.app IS NOT DISTINCT FROM u.app
ORDER BY u.alert_id, u.files DESC, u.provider, u.app
