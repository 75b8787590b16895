-- Thresholds of one day for each metric, so that the alert budget is met.
-- Reads: past_scores and past_baselines (scores and baselines of the calibration days).
-- Scores are in standard deviations of their own scope, so one threshold serves all scopes. Each user and day counts
-- with its highest score of any window and scope, and is placed by its better rank by files or by bytes: the best
-- placed (budget x monitored user-days / 1000) would have been alerts. So files and bytes take equal shares of the
-- budget, and a burst that stands out by both is spent once.
WITH organisation AS (
  SELECT coalesce(CAST(sum(users) AS BIGINT), 0) AS user_days, count(*) AS calibration_days
  FROM past_baselines
  WHERE scope = 'all' AND "user" IS NULL AND history_days >= $warm_up_days
),
maxima AS (
  SELECT 'files' AS metric, "user", date_trunc('day', window_start) AS day, max(files_score) AS score
  FROM past_scores
  WHERE files_score IS NOT NULL
  GROUP BY "user", date_trunc('day', window_start)
  UNION ALL
  SELECT 'bytes' AS metric, "user", date_trunc('day', window_start) AS day, max(bytes_score) AS score
  FROM past_scores
  WHERE bytes_score IS NOT NULL
  GROUP BY "user", date_trunc('day', window_start)
),
ranked AS (
  SELECT metric, "user", day, score, row_number() OVER (PARTITION BY metric ORDER BY score DESC, day, "user") AS place
  FROM maxima
),
best AS (
  SELECT "user", day, min(place) AS place
  FROM ranked
  GROUP BY "user", day
),
spent AS (
  SELECT place, row_number() OVER (ORDER BY place, day, "user") AS spent
  FROM best
),
allowed AS (
  SELECT coalesce(max(s.place), 0) AS place
  FROM spent s
  CROSS JOIN organisation o
  WHERE s.spent <= $budget * o.user_days / 1000
),
metrics AS (
  SELECT 'files' AS metric
  UNION ALL
  SELECT 'bytes' AS metric
)
SELECT
  m.metric,
  CASE
    WHEN o.user_days < $least_user_days THEN $prior_threshold
    ELSE coalesce(
      min(r.score) FILTER (WHERE r.place <= a.place),
      max(r.score) + 0.000001,
      $prior_threshold
    )
  END AS threshold,
  o.user_days,
  o.calibration_days,
  count(r.score) AS scored_user_days,
  count(r.score) FILTER (WHERE r.place <= a.place) AS user_days_above,
  CASE WHEN o.user_days < $least_user_days THEN 'low' ELSE 'normal' END AS confidence,
  CAST($budget AS DOUBLE) AS budget
FROM metrics m
CROSS JOIN organisation o
CROSS JOIN allowed a
LEFT JOIN ranked r ON r.metric = m.metric
GROUP BY m.metric, o.user_days, o.calibration_days, a.place
ORDER BY m.metric
