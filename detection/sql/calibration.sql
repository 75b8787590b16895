-- What thresholds are calibrated on: each user and day's highest score by files and by bytes, over the past days.
-- Reads: past_maxima and past_detections (of the calibration days), verdicts.
-- A user and day with an alert keeps its place, but no more height than one above the threshold it reached: an incident
-- must not raise the bar behind which the next one hides. Confirmed and allowed ones are left out, benign ones count as
-- they are.
WITH alerted AS (
  SELECT
    d.population,
    d."user",
    date_trunc('day', d.window_start) AS day,
    max(d.files_threshold) + 1 AS files_height,
    max(d.bytes_threshold) + 1 AS bytes_height,
    max(CASE WHEN v.verdict = 'confirmed' OR d.allowed_by IS NOT NULL THEN 1 ELSE 0 END) AS left_out,
    min(CASE WHEN v.verdict = 'benign' THEN 1 ELSE 0 END) AS benign
  FROM past_detections d
  LEFT JOIN verdicts v
    ON v."user" = d."user" AND d.window_start >= v.first_window_start AND d.window_start < v.last_window_end
  GROUP BY d.population, d."user", date_trunc('day', d.window_start)
)
SELECT
  m.population,
  m."user",
  m.day,
  CASE WHEN a.benign = 0 THEN least(m.files_score, a.files_height) ELSE m.files_score END AS files_score,
  CASE WHEN a.benign = 0 THEN least(m.bytes_score, a.bytes_height) ELSE m.bytes_score END AS bytes_score
FROM past_maxima m
LEFT JOIN alerted a ON a.population = m.population AND a."user" = m."user" AND a.day = m.day
WHERE coalesce(a.left_out, 0) = 0
ORDER BY m.population, m."user", m.day
