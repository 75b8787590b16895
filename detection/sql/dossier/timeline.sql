-- Timeline from seven days before each alert to the end of the period that its page covers: equal events within an
-- hour, and sign-ins within a day, are one row; a file that was saved often counts once in it. weight: 0 for what a
-- reader should not miss.
-- Reads: subjects, activity, uploads, addresses (what is known of an ip).
WITH logged AS (
  SELECT
    a."user", a.provider, a.time, a.kind, a.ip, a.country, a.app, a.detail, CAST(NULL AS VARCHAR) AS file,
    CASE
      WHEN a.kind IN (
        'mfa_disabled', 'password_reset', 'credentials_changed', 'new_device', 'provider_alert', 'admin_impersonation',
        'share_external'
      ) THEN 0
      WHEN a.kind IN ('sign_in_failed', 'delete', 'download') THEN 1
      ELSE 2
    END AS weight
  FROM activity a
  UNION ALL
  SELECT
    u."user", u.provider, u.time, 'upload' AS kind, u.ip, u.country, u.app, CAST(NULL AS VARCHAR) AS detail,
    coalesce(u.file_id, concat(u.event_key, ':', u.asset)) AS file, 1 AS weight
  FROM uploads u
),
acts AS (
  SELECT
    t.* EXCLUDE (country),
    CASE WHEN coalesce(n.is_place, TRUE) THEN coalesce(t.country, n.country) END AS country
  FROM logged t
  LEFT JOIN addresses n ON n.ip = t.ip
),
hourly AS (
  SELECT
    s.alert_id,
    a."user",
    a.provider,
    a.kind,
    a.ip,
    a.country,
    a.app,
    a.detail,
    min(a.weight) AS weight,
    min(a.time) AS time,
    max(a.time) AS last_time,
    -- Several sign-in records in one second are one.
    CASE
      WHEN a.kind = 'upload' THEN count(DISTINCT a.file)
      WHEN a.kind LIKE 'sign_in%' THEN count(DISTINCT date_trunc('second', a.time))
      ELSE count(*)
    END AS number,
    min(CASE WHEN a.time < s.opens THEN 'before' WHEN a.time < s.ends THEN 'during' ELSE 'after' END) AS phase,
    min(abs(date_diff('minute', s.opens, a.time))) AS distance
  FROM subjects s
  JOIN acts a ON a."user" = s."user" AND a.time >= s.signs_from AND a.time < s.until
  GROUP BY
    s.alert_id, a."user", a.provider, a.kind, a.ip, a.country, a.app, a.detail, a.time >= s.opens, a.time >= s.ends,
    CASE WHEN a.kind = 'sign_in' THEN date_trunc('day', a.time) ELSE date_trunc('hour', a.time) END
),
placed AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY alert_id ORDER BY weight, distance, time, kind, provider, ip, app, detail
    ) AS place,
    count(*) OVER (PARTITION BY alert_id) AS of_rows
  FROM hourly
)
SELECT alert_id, time, last_time, phase, "user", kind, provider, number, ip, country, app, detail, of_rows
FROM placed
WHERE place <= $most_rows
ORDER BY alert_id, time, kind, provider, ip, app, detail
