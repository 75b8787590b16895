-- Blind spots of the page: windows of each provider that were not evaluated, from the start of the signs period until
-- the end of the period that the page covers.
-- Reads: subjects, evaluations.
SELECT
  s.alert_id,
  e.scope AS provider,
  e.reason,
  count(*) AS windows,
  min(e.window_start) AS first_time,
  max(e.window_start) + $window_hours * INTERVAL 1 HOUR AS last_time
FROM (
  SELECT alert_id, min(signs_from) AS signs_from, max(until) AS until
  FROM subjects
  GROUP BY alert_id
) AS s
JOIN evaluations e ON e.window_start >= s.signs_from AND e.window_start + $window_hours * INTERVAL 1 HOUR <= s.until
WHERE e.state = 'not evaluated' AND e.scope <> 'all'
GROUP BY s.alert_id, e.scope, e.reason
ORDER BY s.alert_id, e.scope, first_time, e.reason
