-- Each past user and day's highest score by files and by bytes, of any window and scope.
-- Reads: past_scores (of the calibration days).
SELECT
  population,
  "user",
  date_trunc('day', window_start) AS day,
  max(files_score) AS files_score,
  max(bytes_score) AS bytes_score
FROM past_scores
GROUP BY population, "user", date_trunc('day', window_start)
