-- Users and periods of an alert's page: one row per alert and user (person's key), for a group one for each of its
-- users. opened: start of the opening window; opens: start of all that the alert adds up, which on a long scale is days
-- before. Signs count from $signs_days before that; the $training_days before those are the usual days.
-- Reads: shown, alerts, scales, wanted (alert_id, until: end of the period that the page covers).
-- scale_days: days that a long scale adds up. NULL for a test window, and for a group's users, whose scales differ.
-- population: whose baselines the alert was compared with; newcomers and persons on the watch list are people.
WITH members AS (
  SELECT s.alert_id, s.alert_key AS member, TRUE AS is_single
  FROM shown s
  WHERE s.users = 1
  UNION ALL
  SELECT s.alert_id, a.alert_id AS member, FALSE AS is_single
  FROM shown s
  JOIN alerts a ON a.folded_into = s.alert_key
)
SELECT
  m.alert_id,
  coalesce(a.person, a."user") AS "user",
  a.scope,
  a.metric,
  CASE WHEN a.population IN ('newcomers', 'watch_list') THEN 'people' ELSE a.population END AS population,
  CASE WHEN m.is_single THEN c.days END AS scale_days,
  a.peak_window_start,
  coalesce(a.peak_window_end, a.last_window_end) AS peak_window_end,
  coalesce(a.peak_period_start, a.peak_window_start) AS peak_period_start,
  a.files,
  a.sized_files,
  a.bytes,
  a.one_in,
  a.first_window_start AS opened,
  coalesce(a.period_start, a.first_window_start) AS opens,
  a.last_window_end AS ends,
  coalesce(a.period_start, a.first_window_start) - $signs_days * INTERVAL 1 DAY AS signs_from,
  coalesce(a.period_start, a.first_window_start) - ($signs_days + $training_days) * INTERVAL 1 DAY AS usual_from,
  CASE WHEN w.until > a.last_window_end THEN w.until ELSE a.last_window_end END AS until
FROM members m
JOIN wanted w ON w.alert_id = m.alert_id
JOIN alerts a ON a.alert_id = m.member
LEFT JOIN scales c ON c.scope = a.scope
