-- What happened to the account: events of each kind from seven days before the alert to its end, and in the 30 days before.
-- Reads: subjects, activity.
SELECT
  s.alert_id,
  a.kind,
  count(CASE WHEN a.time >= s.signs_from THEN 1 END) AS number,
  count(CASE WHEN a.time < s.signs_from THEN 1 END) AS usual,
  min(CASE WHEN a.time >= s.signs_from THEN a.time END) AS first_time,
  max(CASE WHEN a.time >= s.signs_from THEN a.time END) AS last_time
FROM subjects s
JOIN activity a ON a."user" = s."user" AND a.time >= s.usual_from AND a.time < s.ends
WHERE a.kind IN (
  'sign_in', 'sign_in_failed', 'mfa_disabled', 'password_reset', 'credentials_changed', 'new_device', 'provider_alert',
  'admin_impersonation'
)
GROUP BY s.alert_id, a.kind
ORDER BY s.alert_id, a.kind
