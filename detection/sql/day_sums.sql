-- Sums over each day's active windows of $window_hours, from which baselines are made: one row per population, scope,
-- user and day.
-- Reads: summed_hours (user-hours of whole days, or the rest of a day without excluded hours).
-- Scopes are each provider, and 'all' for the providers together, which is summed from the providers' windows.
-- A file counts once in a window, as in scores.sql; a window that only saves known files again has files, and no bytes.
-- day_files, day_sized_files: the day's files, each once in whichever windows it was saved.
-- Metrics are log10(files + 1) and log10(bytes + 1000) of active windows, in whole ten-thousandths:
-- integer sums give the same figures in any order of rows, threads and days.
WITH provider_windows AS (
  SELECT
    population,
    provider,
    "user",
    CAST(hour AS DATE) AS day,
    floor(extract(hour FROM hour) / $window_hours) AS place,
    CAST(sum(files + coalesce(again_files[CAST(extract(hour FROM hour) AS INTEGER) % $window_hours + 1], 0)) AS BIGINT) AS files,
    CAST(sum(files) AS BIGINT) AS new_files,
    CAST(sum(sized_files) AS BIGINT) AS new_sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes
  FROM summed_hours
  WHERE population IS NOT NULL
  GROUP BY population, provider, "user", CAST(hour AS DATE), floor(extract(hour FROM hour) / $window_hours)
),
windows AS (
  SELECT population, provider AS scope, "user", day, files, new_files, new_sized_files, bytes FROM provider_windows
  UNION ALL
  SELECT
    population,
    'all' AS scope,
    "user",
    day,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(new_files) AS BIGINT) AS new_files,
    CAST(sum(new_sized_files) AS BIGINT) AS new_sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes
  FROM provider_windows
  GROUP BY population, "user", day, place
),
metrics AS (
  SELECT
    *,
    CAST(round(10000 * log10(files + 1)) AS BIGINT) AS m_files,
    CAST(round(10000 * log10(bytes + 1000)) AS BIGINT) AS m_bytes
  FROM windows
)
SELECT
  population,
  scope,
  "user",
  day,
  count(*) AS files_windows,
  CAST(sum(m_files) AS BIGINT) AS files_s1,
  CAST(sum(m_files * m_files) AS BIGINT) AS files_s2,
  min(files) AS files_min,
  CAST(sum(files) AS BIGINT) AS files_sum,
  max(files) AS files_max,
  count(m_bytes) AS bytes_windows,
  CAST(coalesce(sum(m_bytes), 0) AS BIGINT) AS bytes_s1,
  CAST(coalesce(sum(m_bytes * m_bytes), 0) AS BIGINT) AS bytes_s2,
  min(bytes) AS bytes_min,
  CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes_sum,
  max(bytes) AS bytes_max,
  CAST(sum(new_files) AS BIGINT) AS day_files,
  CAST(sum(new_sized_files) AS BIGINT) AS day_sized_files
FROM metrics
GROUP BY population, scope, "user", day
ORDER BY "user", day, population, scope
