-- Where and when the user of each alert was at work within the look-back, next to the alert's periods.
-- Reads: spans, seen, addresses (what is known of an ip).
SELECT
  s.alert_id,
  s.opens,
  s.signs_from,
  s.signs_to,
  e.time,
  e.time >= s.signs_from AS is_sign,
  e.time >= s.usual_from AND e.time < s.signs_from AS is_usual,
  e.provider,
  e.actor_class,
  e.is_upload,
  e.country,
  e.ip,
  a.network,
  a.listed,
  a.kind,
  -- An update of an application is no new application.
  regexp_replace(e.app, '[ /]v?[0-9][0-9.]*$', '') AS app
FROM spans s
JOIN seen e ON e."user" = s."user" AND e.time >= s.history_from AND e.time < s.signs_to
LEFT JOIN addresses a ON a.ip = e.ip
