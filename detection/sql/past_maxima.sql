-- Each past user and day's highest score by each metric, of any window and scope.
-- Reads: past_scores (of the calibration days and, for the long scales, of as many before their lag), scales.
-- metric: files, bytes, and the same of a long scale, such as files_month. A long sum hardly changes from one day to the
-- next, so each user has one place in as many days as are summed: that of the highest.
-- population: whose threshold a user-day is calibrated for. Those of newcomers count among people's, too: what they share
-- is one budget. On a long scale there are no newcomers: who has uploaded on so many days is none.
-- Windows are reduced to user-days before anything else: there are ten of them for each.
WITH daily AS (
  SELECT
    r.population,
    r."user",
    CAST(r.window_start AS DATE) AS day,
    s.scope,
    CAST(floor((date_diff('day', CAST(r.window_start AS DATE), CAST($day_start AS DATE)) - s.lag - 1) / (1.0 * s.days)) AS BIGINT) AS period,
    min(r.cause) AS cause,
    max(CASE WHEN r.allowed_by IS NOT NULL THEN 1 ELSE 0 END) AS is_allowed,
    max(CASE WHEN r.is_newcomer AND s.scope IS NULL THEN 1 ELSE 0 END) AS is_newcomer,
    max(r.files_score) AS files_score,
    max(r.bytes_score) AS bytes_score
  FROM past_scores r
  LEFT JOIN scales s ON s.scope = r.scope
  WHERE
    (s.scope IS NULL AND r.window_start >= $training_start)
    OR (
      date_diff('day', CAST(r.window_start AS DATE), CAST($day_start AS DATE)) > s.lag
      AND date_diff('day', CAST(r.window_start AS DATE), CAST($day_start AS DATE)) <= s.lag + $training_days
    )
  GROUP BY r.population, r."user", CAST(r.window_start AS DATE), s.scope, s.lag, s.days
),
rated AS (
  SELECT population, "user", day, scope, period, cause, is_allowed, is_newcomer, 'files' AS kind, files_score AS score
  FROM daily
  WHERE files_score IS NOT NULL
  UNION ALL
  SELECT population, "user", day, scope, period, cause, is_allowed, is_newcomer, 'bytes' AS kind, bytes_score AS score
  FROM daily
  WHERE bytes_score IS NOT NULL
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY population, "user", scope, kind, period ORDER BY score DESC, day) AS place
  FROM rated
  WHERE scope IS NOT NULL
),
highest AS (
  SELECT population, kind AS metric, "user", day, cause, score, is_allowed, is_newcomer
  FROM rated
  WHERE scope IS NULL
  UNION ALL
  SELECT population, concat_ws('_', kind, scope) AS metric, "user", day, cause, score, is_allowed, is_newcomer
  FROM ranked
  WHERE place = 1
)
SELECT population, metric, "user", day, cause, score, is_allowed FROM highest
UNION ALL
SELECT 'newcomers' AS population, metric, "user", day, cause, score, is_allowed FROM highest WHERE is_newcomer = 1
