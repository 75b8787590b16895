-- Each past user and day's highest score by files and by bytes, of any window and scope, and whether one is allowed.
-- Reads: past_scores (of the calibration days).
SELECT
  population,
  "user",
  date_trunc('day', window_start) AS day,
  max(files_score) AS files_score,
  max(bytes_score) AS bytes_score,
  max(CASE WHEN allowed_by IS NOT NULL THEN 1 ELSE 0 END) AS is_allowed
FROM past_scores
GROUP BY population, "user", date_trunc('day', window_start)
