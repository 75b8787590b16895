-- Each past user and day's highest score by each metric, of any window and scope.
-- Reads: past_scores (of the calibration days and, for the long scales, of as many before their lag), scales.
-- metric: files, bytes, and the same of a long scale, such as files_month. A long sum hardly changes from one day to the
-- next, so each user has one place in as many days as are summed: that of the highest.
-- population: whose threshold a user-day is calibrated for. Those of newcomers count among people's, too: what they share
-- is one budget. On a long scale there are no newcomers: who has uploaded on so many days is none.
WITH rated AS (
  SELECT
    population, "user", CAST(window_start AS DATE) AS day, scope, is_newcomer, cause, allowed_by,
    'files' AS kind, files_score AS score
  FROM past_scores
  WHERE files_score IS NOT NULL
  UNION ALL
  SELECT
    population, "user", CAST(window_start AS DATE) AS day, scope, is_newcomer, cause, allowed_by,
    'bytes' AS kind, bytes_score AS score
  FROM past_scores
  WHERE bytes_score IS NOT NULL
),
placed AS (
  SELECT
    r.population,
    r.is_newcomer AND s.scope IS NULL AS is_newcomer,
    r."user",
    r.day,
    r.cause,
    max(CASE WHEN r.allowed_by IS NOT NULL THEN 1 ELSE 0 END) OVER (PARTITION BY r.population, r."user", r.day, s.scope) AS is_allowed,
    r.score,
    CASE WHEN s.scope IS NULL THEN r.kind ELSE concat_ws('_', r.kind, s.scope) END AS metric,
    CASE
      WHEN s.scope IS NULL THEN date_diff('day', r.day, CAST($day_start AS DATE))
      ELSE CAST(floor((date_diff('day', r.day, CAST($day_start AS DATE)) - s.lag - 1) / (1.0 * s.days)) AS BIGINT)
    END AS period
  FROM rated r
  LEFT JOIN scales s ON s.scope = r.scope
  WHERE
    (s.scope IS NULL AND r.day >= CAST($training_start AS DATE))
    OR (
      date_diff('day', r.day, CAST($day_start AS DATE)) > s.lag
      AND date_diff('day', r.day, CAST($day_start AS DATE)) <= s.lag + $training_days
    )
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY population, "user", metric, period ORDER BY score DESC, day) AS place
  FROM placed
),
highest AS (
  SELECT population, metric, "user", day, cause, score, is_allowed, is_newcomer
  FROM ranked
  WHERE place = 1
)
SELECT population, metric, "user", day, cause, score, is_allowed FROM highest
UNION ALL
SELECT 'newcomers' AS population, metric, "user", day, cause, score, is_allowed FROM highest WHERE is_newcomer
