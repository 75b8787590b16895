-- What thresholds are calibrated on: each user and day's highest score by files and by bytes, over the past days.
-- Reads: past_maxima, past_detections and past_thresholds (of the calibration days), verdicts.
-- A user and day with an alert keeps its place, but counts at most one above the median threshold of these days: an
-- incident, or a wave of them, must not raise the bar behind which the next one hides. A cap by the day's own threshold
-- would rise with it. Confirmed ones are left out, and user-days of which the allow-list allows a window, whether it would
-- have alerted or not: a rollout that is expected must not raise the bar for everybody else.
-- What is NULL stays NULL: a user-day without a score by files has no place among the scores by files.
WITH heights AS (
  SELECT
    population,
    median(CASE WHEN metric = 'files' THEN threshold END) + 1 AS files_height,
    median(CASE WHEN metric = 'bytes' THEN threshold END) + 1 AS bytes_height
  FROM past_thresholds
  GROUP BY population
),
alerted AS (
  SELECT
    d.population,
    d."user",
    date_trunc('day', d.window_start) AS day,
    max(CASE WHEN v.verdict = 'confirmed' THEN 1 ELSE 0 END) AS left_out
  FROM past_detections d
  LEFT JOIN verdicts v
    ON v."user" = d."user" AND d.window_start >= v.first_window_start AND d.window_start < v.last_window_end
  GROUP BY d.population, d."user", date_trunc('day', d.window_start)
)
SELECT
  m.population,
  m."user",
  m.day,
  CASE WHEN a.left_out = 0 AND m.files_score > h.files_height THEN h.files_height ELSE m.files_score END AS files_score,
  CASE WHEN a.left_out = 0 AND m.bytes_score > h.bytes_height THEN h.bytes_height ELSE m.bytes_score END AS bytes_score
FROM past_maxima m
LEFT JOIN alerted a ON a.population = m.population AND a."user" = m."user" AND a.day = m.day
LEFT JOIN heights h ON h.population = m.population
WHERE coalesce(a.left_out, 0) = 0 AND m.is_allowed = 0
ORDER BY m.population, m."user", m.day
