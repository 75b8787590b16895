-- Alerts of users with a common cause, with the group's alert that each is folded into.
-- Reads: single_alerts, dated_causes (causes with their day, of the alerts' days).
-- A group has an alert a day, so that late events end one or make one of that day alone. Alerts on suspicious users stay
-- single: otherwise an attacker could hide in a rollout. So does an alert that would be the only one of its group.
WITH common AS (
  SELECT s.alert_id, s."user", s.first_window_start, c.day, c.population, c.cause, c.usual_users
  FROM single_alerts s
  JOIN dated_causes c
    ON c.day = CAST(s.first_window_start AS DATE)
    AND c.cause = s.cause
    AND c.population = CASE WHEN s.population = 'services' THEN 'services' ELSE 'people' END
  WHERE c.is_common AND s.severity <> 'Low'
),
sizes AS (
  SELECT day, population, cause, count(*) AS alerts
  FROM common
  GROUP BY day, population, cause
)
SELECT
  c.alert_id,
  c."user",
  c.first_window_start,
  sha256(concat_ws('|', $rule_id, 'common cause', c.population, c.cause, CAST(c.day AS VARCHAR))) AS folded_into,
  c.day,
  c.cause,
  c.usual_users
FROM common c
JOIN sizes s ON s.day = c.day AND s.population = c.population AND s.cause = c.cause
WHERE s.alerts > 1
ORDER BY c.first_window_start, c."user"
