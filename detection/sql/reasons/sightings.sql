-- Where and when the user of each alert was active within the look-back, with the alert's periods.
-- Reads: spans, seen_hours.
SELECT
  s.alert_id,
  s.opens,
  s.signs_from,
  s.signs_to,
  e.time,
  e.last_time,
  e.time >= s.signs_from AS is_sign,
  e.time >= s.usual_from AND e.time < s.signs_from AS is_usual,
  e.provider,
  e.is_upload,
  e.country,
  e.located_by,
  e.network,
  e.kind,
  e.listed,
  e.is_place,
  e.ip,
  e.app
FROM spans s
JOIN seen_hours e ON e."user" = s."user" AND e.time >= s.history_from AND e.time < s.signs_to
