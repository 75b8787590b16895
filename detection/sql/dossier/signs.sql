-- What happened to the account: events of each kind in the signs period up to the end of the alert, and in the usual
-- days before.
-- Reads: subjects, activity. Several sign-in records in one second are one sign-in.
WITH once AS (
  SELECT DISTINCT "user", provider, kind, date_trunc('second', time) AS time
  FROM activity
  WHERE kind IN ('sign_in', 'sign_in_failed', 'sign_in_interrupted')
  UNION ALL
  SELECT "user", provider, kind, time
  FROM activity
  WHERE kind IN (
    'mfa_disabled', 'password_reset', 'credentials_changed', 'new_device', 'provider_alert', 'admin_impersonation'
  )
)
SELECT
  s.alert_id,
  a.kind,
  count(CASE WHEN a.time >= s.signs_from THEN 1 END) AS number,
  count(CASE WHEN a.time < s.signs_from THEN 1 END) AS usual,
  min(CASE WHEN a.time >= s.signs_from THEN a.time END) AS first_time,
  max(CASE WHEN a.time >= s.signs_from THEN a.time END) AS last_time
FROM subjects s
JOIN once a ON a."user" = s."user" AND a.time >= s.usual_from AND a.time < s.ends
GROUP BY s.alert_id, a.kind
ORDER BY s.alert_id, a.kind
