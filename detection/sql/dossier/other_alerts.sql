-- Other alerts of the same user, before and after.
-- Reads: subjects, shown.
SELECT DISTINCT
  s.alert_id,
  o.alert_id AS other,
  o.name,
  o.first_window_start AS time,
  o.first_window_start >= s.opened AS is_later,
  o.files,
  o.sized_files,
  o.bytes,
  o.verdict
FROM subjects s
JOIN shown o
  ON coalesce(o.person, o."user") = s."user"
  AND o.alert_id <> s.alert_id
  AND o.first_window_start >= s.usual_from
  AND o.first_window_start < s.until
ORDER BY s.alert_id, time, other
