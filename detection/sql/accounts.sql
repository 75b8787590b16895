-- The budget balance of each population at the start of a day: what is left of what was allowed.
-- Reads: charged_thresholds (of the 60 days before), last_baselines and last_active_scopes (of the day before),
-- past_detections (of the training days), single_openings and past_cases (of the same and up to a case's period more), and
-- past_causes (of the week before), watch_list (of the day before).
-- Each day pays in what the budget allows for the users watched, for people an alert a week at least; each case that
-- opens takes one out: a further alert in an open case is read with it. What the allow-list allows opens none, and a group
-- with a common cause is one in seven days. What is left is the sum over the last days, as many as ten alerts are allowed
-- in, but 14 at least and 60 at most: nothing older is carried.
-- Newcomers have $newcomer_share of the people's budget, and one balance with them; persons on the watch list have a budget
-- of their own, over them alone.
WITH populations AS (
  SELECT 'people' AS population, 'people' AS base, CAST($budget AS DOUBLE) AS budget, CAST(1 - $newcomer_share AS DOUBLE) AS share
  UNION ALL
  SELECT 'newcomers' AS population, 'people' AS base, CAST($budget AS DOUBLE) AS budget, CAST($newcomer_share AS DOUBLE) AS share
  UNION ALL
  SELECT 'watch_list' AS population, 'people' AS base, CAST($watch_list_budget AS DOUBLE) AS budget, 1.0 AS share
  UNION ALL
  SELECT 'services' AS population, 'services' AS base, CAST($service_budget AS DOUBLE) AS budget, 1.0 AS share
),
watched AS (
  SELECT b.population, max(b.users) AS users
  FROM last_baselines b
  JOIN last_active_scopes a ON a.scope = b.scope
  WHERE b."user" IS NULL
  GROUP BY b.population
),
listed AS (
  SELECT count(*) AS users FROM watch_list
),
opened AS (
  SELECT d.population, count(DISTINCT c."user") AS cases
  FROM single_openings o
  JOIN past_detections d ON d."user" = o."user" AND d.window_start = o.opening
  JOIN past_cases c ON c."user" = o."user" AND c.opened = o.opening
  WHERE o.opening >= $day_start - INTERVAL 1 DAY
  GROUP BY d.population
),
grouped AS (
  SELECT c.population, count(*) AS cases
  FROM past_causes c
  WHERE
    c.is_common AND c.day = CAST($day_start - INTERVAL 1 DAY AS DATE)
    AND NOT EXISTS (
      SELECT 1
      FROM past_causes e
      WHERE
        e.is_common AND e.population = c.population AND e.cause = c.cause AND e.day < c.day
        AND date_diff('day', e.day, c.day) < 7
    )
  GROUP BY c.population
),
-- A number of cases a week comes to a budget that depends on the users watched.
budgets AS (
  SELECT
    p.population, p.base, p.share,
    coalesce(w.users, 0) AS users,
    CASE
      WHEN CAST($weekly_budget AS DOUBLE) IS NOT NULL AND p.population IN ('people', 'newcomers') AND w.users > 0
        THEN CAST($weekly_budget AS DOUBLE) / 7 * 1000 / w.users
      ELSE p.budget
    END AS budget
  FROM populations p
  LEFT JOIN watched w ON w.population = p.base
),
charged AS (
  SELECT
    p.population,
    p.base,
    p.share,
    p.budget,
    CASE WHEN p.population = 'watch_list' THEN l.users ELSE p.users END AS watched_users,
    coalesce(o.cases, 0) + coalesce(g.cases, 0) AS opened,
    p.share * CASE
      WHEN p.population = 'watch_list' THEN p.budget * l.users / 1000
      WHEN p.base = 'people' AND p.users > 0 THEN greatest(p.budget * p.users / 1000, 1.0 / 7)
      ELSE p.budget * p.users / 1000
    END AS allowed
  FROM budgets p
  CROSS JOIN listed l
  LEFT JOIN opened o ON o.population = p.population
  LEFT JOIN grouped g ON g.population = p.population
),
-- Each day's row is about the day before it.
before AS (
  SELECT population, day, max(allowed) AS allowed, max(opened) AS opened
  FROM charged_thresholds
  GROUP BY population, day
),
-- People and newcomers have one balance: where one opens more, the other is asked for less.
purses AS (
  SELECT
    CASE WHEN c.population = 'newcomers' THEN 'people' ELSE c.population END AS purse,
    sum(c.allowed) AS allowed,
    sum(c.opened) AS opened
  FROM charged c
  GROUP BY CASE WHEN c.population = 'newcomers' THEN 'people' ELSE c.population END
),
carried AS (
  SELECT p.purse, sum(b.allowed - b.opened) AS balance
  FROM purses p
  JOIN before b
    ON CASE WHEN b.population = 'newcomers' THEN 'people' ELSE b.population END = p.purse
    AND date_diff('day', b.day, CAST($day_start AS TIMESTAMP)) < greatest(14, least(60, 10 / greatest(p.allowed, 1.0 / 60)))
  GROUP BY p.purse
)
SELECT
  c.population,
  c.base,
  c.share,
  c.budget,
  c.watched_users,
  c.opened,
  round(c.allowed, 6) AS allowed,
  round(p.allowed - p.opened + coalesce(b.balance, 0), 6) AS balance
FROM charged c
JOIN purses p ON p.purse = CASE WHEN c.population = 'newcomers' THEN 'people' ELSE c.population END
LEFT JOIN carried b ON b.purse = p.purse
ORDER BY c.population
