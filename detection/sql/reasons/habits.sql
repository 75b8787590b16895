-- first_app, off_hours: unusual applications and hours of the alert's uploads.
-- Reads: sightings. Derived application names are compared with derived ones, and logged names with logged ones, so
-- that no application is new only because the log begins to name it.
WITH apps AS (
  SELECT
    alert_id,
    provider,
    app,
    ends_with(app, $derived_mark) AS is_derived,
    max(CASE WHEN is_usual THEN 1 ELSE 0 END) AS is_known,
    min(CASE WHEN is_upload AND time >= opens THEN time END) AS first_used
  FROM sightings
  WHERE app <> '' AND (is_sign OR is_usual)
  GROUP BY alert_id, provider, app
),
known_apps AS (
  SELECT alert_id, provider, is_derived, string_agg(app, ', ' ORDER BY app) AS apps
  FROM apps
  WHERE is_known = 1
  GROUP BY alert_id, provider, is_derived
),
new_apps AS (
  SELECT
    a.alert_id,
    a.provider,
    a.app,
    a.first_used,
    k.apps,
    row_number() OVER (PARTITION BY a.alert_id ORDER BY a.first_used, a.provider, a.app) AS place
  FROM apps a
  JOIN known_apps k ON k.alert_id = a.alert_id AND k.provider = a.provider AND k.is_derived = a.is_derived
  WHERE a.is_known = 0 AND a.first_used IS NOT NULL
),
active_days AS (
  SELECT alert_id, count(DISTINCT CAST(time AS DATE)) AS days
  FROM sightings
  WHERE is_usual
  GROUP BY alert_id
  HAVING count(DISTINCT CAST(time AS DATE)) >= $least_active_days
),
upload_hours AS (
  SELECT DISTINCT alert_id, hour(time) AS hour
  FROM sightings
  WHERE is_upload AND time >= opens
),
-- An hour is usual if the hour before or after is: people are not punctual, and summer time shifts by an hour.
near_hours AS (
  SELECT u.alert_id, u.hour, count(DISTINCT CAST(s.time AS DATE)) AS days
  FROM upload_hours u
  LEFT JOIN sightings s
    ON s.alert_id = u.alert_id AND s.is_usual AND (hour(s.time) - u.hour + 24) % 24 IN (0, 1, 23)
  GROUP BY u.alert_id, u.hour
),
rare_hours AS (
  SELECT alert_id, min(hour) AS hour, count(*) AS hours, max(days) AS most_days
  FROM near_hours
  GROUP BY alert_id
)
SELECT
  alert_id,
  'first_app' AS name,
  concat(
    'uploaded with ', app, ' (', provider, ') from ', strftime(first_used, '%Y-%m-%d %H:%M'),
    ' UTC; in the ', $training_days, ' days before only ', apps
  ) AS evidence
FROM new_apps
WHERE place = 1
UNION ALL
SELECT
  r.alert_id,
  'off_hours' AS name,
  concat(
    'uploads only at hours (', string_agg(lpad(CAST(n.hour AS VARCHAR), 2, '0'), ', ' ORDER BY n.hour),
    ' UTC) around which the user was active on at most ', max(r.most_days), ' of ', max(a.days), ' active days'
  ) AS evidence
FROM rare_hours r
JOIN active_days a ON a.alert_id = r.alert_id
JOIN near_hours n ON n.alert_id = r.alert_id
WHERE r.most_days < a.days * $rare_share
GROUP BY r.alert_id
