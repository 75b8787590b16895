-- Input of the baselines: each user's sums over the active windows of the training days.
-- Reads: day_sums of the training days, partial_days, partial_sums (their sums without the excluded hours).
WITH days AS (
  SELECT d.*
  FROM day_sums d
  WHERE
    d.day >= CAST($training_start AS DATE) AND d.day < CAST($day_start AS DATE)
    -- With a left join whose right side is empty, DuckDB 2.0.1 assumes that sums of the left side are not above zero.
    AND NOT EXISTS (SELECT 1 FROM partial_days p WHERE p."user" = d."user" AND p.day = d.day)
  UNION ALL
  SELECT * FROM partial_sums
)
SELECT
  population,
  scope,
  "user",
  min(day) AS first_day,
  CAST(sum(files_windows) AS BIGINT) AS files_windows,
  CAST(sum(files_s1) AS BIGINT) AS files_s1,
  CAST(sum(files_s2) AS BIGINT) AS files_s2,
  min(files_min) AS files_min,
  CAST(sum(files_sum) AS BIGINT) AS files_sum,
  max(files_max) AS files_max,
  CAST(sum(bytes_windows) AS BIGINT) AS bytes_windows,
  CAST(sum(bytes_s1) AS BIGINT) AS bytes_s1,
  CAST(sum(bytes_s2) AS BIGINT) AS bytes_s2,
  min(bytes_min) AS bytes_min,
  CASE WHEN sum(bytes_sum) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes_sum) AS BIGINT) END AS bytes_sum,
  max(bytes_max) AS bytes_max
FROM days
GROUP BY population, scope, "user"
