-- Alerts that are part of a flood (alert storm), with the summary alert that each is folded into.
-- Reads: single_alerts, dated_thresholds (thresholds with their day, from the first of the alerts' days to the day
-- after the last).
-- A day (UTC) is a flood if more alerts open than $flood_alerts and than $flood_factor times what the budget allows
-- for it. Thresholds of a day hold the allowance for the day before. On the first monitored day only the next day's
-- thresholds have one, so the larger of both counts. Alerts on suspicious users stay single, unless they alone are too
-- many: otherwise an attacker could hide in a flood.
WITH allowances AS (
  SELECT day, sum(allowed) AS allowed
  FROM (
    SELECT day, population, max(allowed) AS allowed
    FROM dated_thresholds
    GROUP BY day, population
  ) AS each
  GROUP BY day
),
days AS (
  SELECT
    CAST(first_window_start AS DATE) AS day,
    count(*) AS alerts,
    count(CASE WHEN severity = 'Low' THEN 1 END) AS suspicious
  FROM single_alerts
  GROUP BY CAST(first_window_start AS DATE)
),
limits AS (
  SELECT
    d.day,
    d.alerts,
    d.suspicious,
    greatest(coalesce(a.allowed, 0), coalesce(n.allowed, 0)) AS allowed
  FROM days d
  LEFT JOIN allowances a ON a.day = d.day
  LEFT JOIN allowances n ON n.day = CAST(d.day + INTERVAL 1 DAY AS DATE)
)
SELECT
  s.alert_id,
  s."user",
  s.first_window_start,
  sha256(concat_ws('|', $rule_id, 'flood', CAST(l.day AS VARCHAR))) AS folded_into,
  l.day,
  l.allowed
FROM single_alerts s
JOIN limits l ON l.day = CAST(s.first_window_start AS DATE)
WHERE l.alerts > greatest($flood_alerts, $flood_factor * l.allowed)
  AND (s.severity <> 'Low' OR l.suspicious > greatest($flood_alerts, $flood_factor * l.allowed))
ORDER BY s.first_window_start, s."user"
