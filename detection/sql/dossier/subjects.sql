-- Users and periods of an alert's page: one row per alert and user (person's key), for a group one for each of its
-- users. Signs count from $signs_days before the opening window; the $training_days before those are the usual days.
-- Reads: shown, alerts, wanted (alert_id, until: end of the period that the page covers).
WITH members AS (
  SELECT s.alert_id, s.alert_key AS member
  FROM shown s
  WHERE s.users = 1
  UNION ALL
  SELECT s.alert_id, a.alert_id AS member
  FROM shown s
  JOIN alerts a ON a.folded_into = s.alert_key
)
SELECT
  m.alert_id,
  coalesce(a.person, a."user") AS "user",
  a.scope,
  a.metric,
  a.population,
  a.peak_window_start,
  a.files,
  a.sized_files,
  a.bytes,
  a.one_in,
  a.first_window_start AS opens,
  a.last_window_end AS ends,
  a.first_window_start - $signs_days * INTERVAL 1 DAY AS signs_from,
  a.first_window_start - ($signs_days + $training_days) * INTERVAL 1 DAY AS usual_from,
  greatest(w.until, a.last_window_end) AS until
FROM members m
JOIN wanted w ON w.alert_id = m.alert_id
JOIN alerts a ON a.alert_id = m.member
