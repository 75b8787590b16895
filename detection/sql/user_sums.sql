-- Input of the baselines: each user's sums over the active windows of the training days, and over the long sums of as
-- many days, up to the day before the present sum begins.
-- Reads: usual_days, past_period_sums (of the days that the long scales look back), scales.
-- Days are counted as bits, by how many they lie before the last of theirs: to collect them takes twice the time.
WITH days AS (
  SELECT
    population, scope, "user", day,
    date_diff('day', day, CAST($day_start AS DATE)) - 1 AS days_before,
    files_windows, files_s1, files_s2, files_min, files_sum, files_max,
    bytes_windows, bytes_s1, bytes_s2, bytes_min, bytes_sum, bytes_max
  FROM usual_days
  UNION ALL
  SELECT
    p.population, p.scope, p."user", p.day,
    date_diff('day', p.day, CAST($day_start AS DATE)) - s.days AS days_before,
    1 AS files_windows, p.m_files AS files_s1, p.m_files * p.m_files AS files_s2,
    p.files AS files_min, p.files AS files_sum, p.files AS files_max,
    CASE WHEN p.bytes IS NOT NULL THEN 1 ELSE 0 END AS bytes_windows,
    coalesce(p.m_bytes, 0) AS bytes_s1, coalesce(p.m_bytes * p.m_bytes, 0) AS bytes_s2,
    p.bytes AS bytes_min, p.bytes AS bytes_sum, p.bytes AS bytes_max
  FROM past_period_sums p
  JOIN scales s ON s.scope = p.scope
  WHERE
    date_diff('day', p.day, CAST($day_start AS DATE)) >= s.days
    AND date_diff('day', p.day, CAST($day_start AS DATE)) < s.days + $training_days
)
SELECT
  population,
  scope,
  "user",
  bit_count(bit_or(CAST(1 AS BIGINT) << CAST(days_before AS INTEGER))) AS active_days,
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
