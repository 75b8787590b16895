-- The budget's account of each population at the start of a day: what is left of what was allowed.
-- Reads: charged_thresholds (of the 60 days before), last_baselines and last_active_scopes (of the day before),
-- past_detections (of the training days), past_openings and past_cases (of the same and up to a case's period more).
-- Each day pays in what the budget allows for the users watched, for people an alert a week at least; each case that
-- opens takes one out: a further alert in an open case is read with it. What the allow-list allows opens none, and a
-- flood is one. What is left is the sum over the last days, as many
-- as ten alerts are allowed in, but 14 at least and 60 at most: nothing older is carried.
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
  SELECT d.population, count(DISTINCT d."user") AS alerts, count(DISTINCT c."user") AS cases
  FROM past_openings o
  JOIN past_detections d ON d."user" = o."user" AND d.window_start = o.opening
  LEFT JOIN past_cases c ON c."user" = o."user" AND c.opened = o.opening
  WHERE o.opening >= $day_start - INTERVAL 1 DAY
  GROUP BY d.population
),
summed AS (
  SELECT
    p.population,
    p.budget,
    coalesce(w.users, 0) AS watched_users,
    coalesce(o.alerts, 0) AS alerts,
    coalesce(o.cases, 0) AS opened,
    CASE
      WHEN p.population = 'people' AND w.users > 0 THEN greatest(p.budget * w.users / 1000, 1.0 / 7)
      ELSE p.budget * coalesce(w.users, 0) / 1000
    END AS allowed
  FROM populations p
  LEFT JOIN watched w ON w.population = p.population
  LEFT JOIN opened o ON o.population = p.population
),
-- As in floods.sql, where an alert for each of a flood's users is one: nobody reads more, so no more is charged.
flood AS (
  SELECT CASE WHEN sum(s.alerts) > greatest($flood_alerts, $flood_factor * greatest(sum(round(s.allowed, 6)), (
    SELECT coalesce(sum(l.allowed), 0)
    FROM (
      SELECT population, max(allowed) AS allowed
      FROM charged_thresholds
      WHERE day = CAST($day_start - INTERVAL 1 DAY AS DATE)
      GROUP BY population
    ) AS l
  ))) THEN 1 ELSE 0 END AS is_flood
  FROM summed s
),
charged AS (
  SELECT
    s.population, s.budget, s.watched_users, s.allowed,
    CASE WHEN f.is_flood = 1 THEN least(1, s.opened) ELSE s.opened END AS opened
  FROM summed s
  CROSS JOIN flood f
),
-- Each day's row tells of the day before it.
before AS (
  SELECT population, day, max(allowed) AS allowed, max(opened) AS opened
  FROM charged_thresholds
  GROUP BY population, day
),
carried AS (
  SELECT c.population, sum(b.allowed - b.opened) AS balance
  FROM charged c
  JOIN before b
    ON b.population = c.population
    AND date_diff('day', b.day, CAST($day_start AS TIMESTAMP)) < greatest(14, least(60, 10 / greatest(c.allowed, 1.0 / 60)))
  GROUP BY c.population
)
SELECT
  c.population,
  c.budget,
  c.watched_users,
  c.opened,
  round(c.allowed, 6) AS allowed,
  round(c.allowed - c.opened + coalesce(b.balance, 0), 6) AS balance
FROM charged c
LEFT JOIN carried b ON b.population = c.population
ORDER BY c.population
