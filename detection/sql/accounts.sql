-- The budget's account of each population at the start of a day: what is left of what was allowed.
-- Reads: last_thresholds, last_baselines and last_active_scopes (of the day before), past_detections (of the training
-- days) and past_openings (of the same).
-- Each day pays in what the budget allows for the users watched, each alert that opens takes one out; what the
-- allow-list allows opens none, and a flood is one. What is left is kept within 60 days' allowance, so that neither many
-- nor none are remembered for ever.
WITH populations AS (
  SELECT 'people' AS population, CAST($budget AS DOUBLE) AS budget
  UNION ALL
  SELECT 'services' AS population, CAST($service_budget AS DOUBLE) AS budget
),
watched AS (
  SELECT b.population, max(b.users) AS users
  FROM last_baselines b
  JOIN last_active_scopes a ON a.scope = b.scope
  WHERE b."user" IS NULL
  GROUP BY b.population
),
opened AS (
  SELECT d.population, count(DISTINCT d."user") AS alerts
  FROM past_openings o
  JOIN past_detections d ON d."user" = o."user" AND d.window_start = o.opening
  WHERE o.opening >= $day_start - INTERVAL 1 DAY
  GROUP BY d.population
),
before AS (
  SELECT population, max(balance) AS balance
  FROM last_thresholds
  GROUP BY population
),
summed AS (
  SELECT
    p.population,
    p.budget,
    coalesce(w.users, 0) AS watched_users,
    coalesce(o.alerts, 0) AS opened,
    p.budget * coalesce(w.users, 0) / 1000 AS allowed,
    coalesce(b.balance, 0) AS balance
  FROM populations p
  LEFT JOIN watched w ON w.population = p.population
  LEFT JOIN opened o ON o.population = p.population
  LEFT JOIN before b ON b.population = p.population
),
-- As in floods.sql, where an alert for each of a flood's users is one: nobody reads more, so no more is charged.
flood AS (
  SELECT CASE WHEN sum(s.opened) > greatest($flood_alerts, $flood_factor * greatest(sum(round(s.allowed, 6)), (
    SELECT coalesce(sum(l.allowed), 0)
    FROM (SELECT population, max(allowed) AS allowed FROM last_thresholds GROUP BY population) AS l
  ))) THEN 1 ELSE 0 END AS is_flood
  FROM summed s
),
charged AS (
  SELECT
    s.population, s.budget, s.watched_users, s.allowed, s.balance,
    CASE WHEN f.is_flood = 1 THEN least(1, s.opened) ELSE s.opened END AS opened
  FROM summed s
  CROSS JOIN flood f
)
SELECT
  population,
  budget,
  watched_users,
  opened,
  round(allowed, 6) AS allowed,
  round(greatest(-60 * greatest(allowed, 1.0 / 30), least(60 * greatest(allowed, 1.0 / 30), balance + allowed - opened)), 6) AS balance
FROM charged
ORDER BY population
