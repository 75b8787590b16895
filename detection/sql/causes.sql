-- Common causes of one day: what users at or above their threshold mainly uploaded with, and how many they are.
-- Reads: detections and thresholds of the day, past_maxima (of the calibration days), past_causes.
-- A rollout, a migration or a new client brings many users above the threshold at one source with one application. The
-- users of a cause are compared with what is usual for it (usual_users): a day's mean over the days 37 to 7 before, at least
-- a quarter of what the budget allows, and its share of that. Where everybody uploads with one application, that is all of
-- it. As with counts of independent events, three standard deviations above three times as many are common, within one day
-- or within seven.
WITH bases AS (
  SELECT CASE WHEN population = 'services' THEN 'services' ELSE 'people' END AS population, sum(allowed) AS allowed
  FROM (SELECT population, max(allowed) AS allowed FROM thresholds GROUP BY population) AS each_population
  GROUP BY CASE WHEN population = 'services' THEN 'services' ELSE 'people' END
),
present AS (
  SELECT
    CASE WHEN population = 'services' THEN 'services' ELSE 'people' END AS population,
    cause,
    count(DISTINCT "user") AS users
  FROM detections
  WHERE allowed_by IS NULL AND cause IS NOT NULL
  GROUP BY CASE WHEN population = 'services' THEN 'services' ELSE 'people' END, cause
),
before AS (
  SELECT
    population,
    cause,
    sum(CASE WHEN date_diff('day', day, CAST($day_start AS DATE)) BETWEEN 7 AND 37 THEN users ELSE 0 END) / 31.0 AS usual_users,
    sum(CASE WHEN date_diff('day', day, CAST($day_start AS DATE)) < 7 THEN users ELSE 0 END) AS recent_users
  FROM past_causes
  GROUP BY population, cause
),
scored AS (
  SELECT DISTINCT population, "user", day, cause
  FROM past_maxima
  WHERE population <> 'newcomers'
),
shares AS (
  SELECT
    population,
    cause,
    1.0 * count(*) / sum(count(*)) OVER (PARTITION BY population) AS share
  FROM scored
  GROUP BY population, cause
),
compared AS (
  SELECT
    p.population,
    p.cause,
    p.users,
    CAST(p.users + coalesce(b.recent_users, 0) AS BIGINT) AS week_users,
    greatest(coalesce(b.usual_users, 0), coalesce(a.allowed, 0) * greatest(0.25, coalesce(s.share, 0)), 0.02) AS usual_users
  FROM present p
  LEFT JOIN before b ON b.population = p.population AND b.cause = p.cause
  LEFT JOIN bases a ON a.population = p.population
  LEFT JOIN shares s ON s.population = p.population AND s.cause = p.cause
)
SELECT
  population,
  cause,
  users,
  week_users,
  round(usual_users, 6) AS usual_users,
  users >= greatest(5, 3 * usual_users + 3 * sqrt(usual_users))
  OR (users >= 2 AND week_users >= greatest(8, 14 * usual_users + 3 * sqrt(7 * usual_users))) AS is_common
FROM compared
ORDER BY population, cause
