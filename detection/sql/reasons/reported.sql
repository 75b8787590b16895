-- provider_alert, mfa_disabled, password_reset, credentials_changed, admin_impersonation, new_device: signs that the
-- logs contain as such.
-- Reads: spans, user_activity.
SELECT
  s.alert_id,
  a.kind AS name,
  concat(
    count(*), CASE WHEN count(*) = 1 THEN ' event' ELSE ' events' END, ', first at ',
    -- Each text begins with the time, so the least text is that of the first event.
    min(concat(
      strftime(a.time, '%Y-%m-%d %H:%M'), ' UTC (', a.provider, ')', coalesce(': ' || a.detail, '')
    ))
  ) AS evidence
FROM spans s
JOIN user_activity a ON a."user" = s."user" AND a.time >= s.signs_from AND a.time < s.signs_to
WHERE a.kind IN (
  'provider_alert', 'mfa_disabled', 'password_reset', 'credentials_changed', 'admin_impersonation', 'new_device'
)
GROUP BY s.alert_id, a.kind
