-- Distribution of the users' largest windows in the training days before, or of a long scale their largest sums without
-- the largest day: number of users by half decades of files, and
-- of bytes, in the alert's scope and population. A step is twice the common logarithm, rounded down.
-- Reads: subjects, baselines (dated by day).
WITH largest AS (
  SELECT s.alert_id, 'files' AS metric, b.files_max AS most
  FROM subjects s
  JOIN baselines b
    ON b.day = CAST(s.peak_window_start AS DATE) AND b.scope = s.scope AND b.population = s.population
  WHERE b."user" IS NOT NULL AND b.files_max > 0
  UNION ALL
  SELECT s.alert_id, 'bytes' AS metric, b.bytes_max AS most
  FROM subjects s
  JOIN baselines b
    ON b.day = CAST(s.peak_window_start AS DATE) AND b.scope = s.scope AND b.population = s.population
  WHERE b."user" IS NOT NULL AND b.bytes_max > 0
)
SELECT
  alert_id,
  metric,
  CAST(floor(2 * log10(most)) AS BIGINT) AS step,
  count(*) AS users,
  CAST(max(most) AS BIGINT) AS most
FROM largest
GROUP BY alert_id, metric, floor(2 * log10(most))
ORDER BY alert_id, metric, step
