-- Detections of one day: windows and long sums whose score reaches the threshold of its metric.
-- Reads: scores, thresholds and baselines of the day, past_maxima (of the calibration days),
-- active_scopes (scopes past their activation period), scales, watch_list.
-- population: whose threshold it reached, and whose budget it counts for. A newcomer's window of $newcomer_files or
-- $newcomer_bytes is a detection whatever the threshold, so that a day on which the bar is high has its limit.
-- one_in: of how many monitored user-days one is this unusual, (1 + user-days) / (1 + those at or above).
WITH rated AS (
  SELECT
    s.* EXCLUDE (population),
    s.population AS base,
    CASE
      WHEN w."user" IS NOT NULL AND s.population = 'people' THEN 'watch_list'
      WHEN s.is_newcomer AND l.scope IS NULL THEN 'newcomers'
      ELSE s.population
    END AS population,
    CASE WHEN l.scope IS NULL THEN 'files' ELSE concat_ws('_', 'files', s.scope) END AS files_metric,
    CASE WHEN l.scope IS NULL THEN 'bytes' ELSE concat_ws('_', 'bytes', s.scope) END AS bytes_metric,
    CASE
      WHEN l.scope IS NULL THEN s.window_start + $window_hours * INTERVAL 1 HOUR
      ELSE s.window_start + INTERVAL 1 DAY
    END AS window_end
  FROM scores s
  JOIN active_scopes a ON a.scope = s.scope
  LEFT JOIN scales l ON l.scope = s.scope
  LEFT JOIN watch_list w ON w."user" = s."user"
),
compared AS (
  SELECT
    s.*,
    f.threshold AS files_threshold,
    b.threshold AS bytes_threshold,
    f.user_days,
    f.confidence,
    s.files_score >= f.threshold OR (s.population = 'newcomers' AND s.files >= $newcomer_files AND s.files_score IS NOT NULL) AS files_above,
    s.bytes_score >= b.threshold OR (s.population = 'newcomers' AND s.bytes >= $newcomer_bytes AND s.bytes_score IS NOT NULL) AS bytes_above
  FROM rated s
  JOIN thresholds f ON f.population = s.population AND f.metric = s.files_metric
  JOIN thresholds b ON b.population = s.population AND b.metric = s.bytes_metric
),
above AS (
  SELECT * FROM compared WHERE files_above OR bytes_above
),
-- How many past user-days are at or above each score that is asked about: one pass in order of the score, since there
-- may be thousands of windows and a million user-days.
levels AS (
  SELECT population, metric, score, 1 AS past FROM past_maxima
  UNION ALL
  SELECT base AS population, files_metric AS metric, files_score AS score, 0 AS past FROM above WHERE files_score IS NOT NULL
  UNION ALL
  SELECT base AS population, bytes_metric AS metric, bytes_score AS score, 0 AS past FROM above WHERE bytes_score IS NOT NULL
),
heights AS (
  SELECT population, metric, score, CAST(sum(past) AS BIGINT) AS past
  FROM levels
  GROUP BY population, metric, score
),
counted AS (
  SELECT
    population, metric, score,
    CAST(sum(past) OVER (PARTITION BY population, metric ORDER BY score DESC ROWS UNBOUNDED PRECEDING) AS BIGINT) AS at_or_above
  FROM heights
),
rarity AS (
  SELECT
    a.population, a.scope, a."user", a.window_start,
    coalesce(f.at_or_above, 0) AS files_at_or_above,
    coalesce(b.at_or_above, 0) AS bytes_at_or_above
  FROM above a
  LEFT JOIN counted f ON f.population = a.base AND f.metric = a.files_metric AND f.score = a.files_score
  LEFT JOIN counted b ON b.population = a.base AND b.metric = a.bytes_metric AND b.score = a.bytes_score
),
judged AS (
  SELECT
    a.*,
    CASE
      WHEN NOT coalesce(a.bytes_above, FALSE) THEN 'files'
      WHEN NOT coalesce(a.files_above, FALSE) THEN 'bytes'
      WHEN r.files_at_or_above < r.bytes_at_or_above THEN 'files'
      WHEN r.files_at_or_above > r.bytes_at_or_above THEN 'bytes'
      WHEN a.files_score - a.files_threshold > a.bytes_score - a.bytes_threshold THEN 'files'
      ELSE 'bytes'
    END AS metric,
    r.files_at_or_above,
    r.bytes_at_or_above
  FROM above a
  JOIN rarity r ON r.population = a.population AND r.scope = a.scope AND r."user" = a."user" AND r.window_start = a.window_start
)
SELECT
  j.population, j.scope, j."user", j.window_start, j.window_end, j.period_start,
  j.files, j.sized_files, j.bytes, j.largest_files, j.largest_bytes, j.cause,
  j.metric,
  CASE WHEN j.metric = 'files' THEN j.files_score ELSE j.bytes_score END AS score,
  CASE WHEN j.metric = 'files' THEN j.files_threshold ELSE j.bytes_threshold END AS threshold,
  CAST(floor((1.0 + j.user_days) / (1 + CASE WHEN j.metric = 'files' THEN j.files_at_or_above ELSE j.bytes_at_or_above END)) AS BIGINT) AS one_in,
  j.confidence,
  CAST($parameters AS VARCHAR) AS parameters,
  CAST($rules AS VARCHAR) AS rules,
  j.files_score, j.files_threshold, j.bytes_score, j.bytes_threshold,
  coalesce(u.files_windows, 0) AS baseline_files_windows, u.files_min AS baseline_files_min, u.files_sum AS baseline_files_sum, u.files_max AS baseline_files_max,
  coalesce(u.bytes_windows, 0) AS baseline_bytes_windows, u.bytes_min AS baseline_bytes_min, u.bytes_sum AS baseline_bytes_sum, u.bytes_max AS baseline_bytes_max,
  j.allowed_by
FROM judged j
LEFT JOIN baselines u ON u.population = j.base AND u.scope = j.scope AND u."user" = j."user"
ORDER BY j."user", j.window_start, j.scope
