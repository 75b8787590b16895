-- Days of history behind the baselines of each scope on a day: NULL where nothing was uploaded before.
-- Reads: baselines and user_hours, of the day.
-- `scores` takes it from the organisation's row. Where people upload, their row decides for the scope; else that of the
-- services.
WITH present AS (
  SELECT scope, population, history_days
  FROM baselines
  WHERE "user" IS NULL
  UNION ALL
  SELECT DISTINCT provider AS scope, population, CAST(NULL AS BIGINT) AS history_days
  FROM user_hours
  WHERE population IS NOT NULL
),
known AS (
  SELECT scope, population, max(history_days) AS history_days
  FROM present
  GROUP BY scope, population
)
SELECT scope, history_days
FROM (
  SELECT *, row_number() OVER (PARTITION BY scope ORDER BY population) AS place
  FROM known
) AS placed
WHERE place = 1
ORDER BY scope
