-- What thresholds are calibrated on: each user and day's highest score by each metric, over the past days.
-- Reads: past_maxima, past_detections, past_thresholds and past_causes (of the calibration days), verdicts, scales.
-- A user and day with an alert keeps its place, but counts at most one above the median threshold of these days: an
-- incident, or a wave of them, must not raise the bar behind which the next one hides. A cap by the day's own threshold
-- would rise with it. Confirmed ones are left out, and user-days of which the allow-list allows a window, whether it would
-- have alerted or not: a rollout that is expected must not raise the bar for everybody else. For the same reason one
-- user-day of a group with a common cause stays, and the others are left out.
-- On a long scale nobody counts more, with an alert or without: who steals slowly and is missed stands there for weeks, and
-- a few of them would hide all others.
-- What is NULL stays NULL: a user-day without a score by files has no place among the scores by files.
WITH heights AS (
  SELECT population, metric, median(threshold) + 1 AS height
  FROM past_thresholds
  GROUP BY population, metric
),
-- A detection on a long scale is about all days that it adds up: the day before it, the sum was hardly smaller.
days AS (
  SELECT
    d."user",
    d.window_start,
    CAST(d.window_start AS DATE) AS day,
    s.scope IS NOT NULL AS is_long,
    unnest(range(CASE WHEN s.scope IS NULL THEN 1 ELSE date_diff('day', d.period_start, d.window_start) + 1 END)) AS days_before
  FROM past_detections d
  LEFT JOIN scales s ON s.scope = d.scope
),
alerted AS (
  SELECT
    d."user",
    CAST(d.day - d.days_before * INTERVAL 1 DAY AS DATE) AS day,
    d.is_long,
    max(CASE WHEN v.verdict = 'confirmed' THEN 1 ELSE 0 END) AS is_confirmed
  FROM days d
  LEFT JOIN verdicts v
    ON v."user" = d."user" AND d.window_start >= v.first_window_start AND d.window_start < v.last_window_end
  GROUP BY d."user", CAST(d.day - d.days_before * INTERVAL 1 DAY AS DATE), d.is_long
),
grouped AS (
  SELECT
    m.*,
    a.is_confirmed,
    CASE WHEN c.cause IS NOT NULL THEN row_number() OVER (PARTITION BY m.population, m.metric, m.day, m.cause ORDER BY m.score DESC, m."user") END AS group_place
  FROM past_maxima m
  LEFT JOIN alerted a ON a."user" = m."user" AND a.day = m.day AND a.is_long = (m.metric NOT IN ('files', 'bytes'))
  LEFT JOIN past_causes c ON c.day = m.day AND c.cause = m.cause AND c.is_common
  WHERE m.is_allowed = 0
)
SELECT
  g.population,
  g.metric,
  g."user",
  g.day,
  CASE WHEN (g.is_confirmed = 0 OR g.metric NOT IN ('files', 'bytes')) AND g.score > h.height THEN h.height ELSE g.score END AS score
FROM grouped g
LEFT JOIN heights h ON h.population = g.population AND h.metric = g.metric
WHERE coalesce(g.is_confirmed, 0) = 0 AND coalesce(g.group_place, 1) = 1
ORDER BY g.population, g.metric, g."user", g.day
