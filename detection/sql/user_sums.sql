-- What baselines are made of, for the users from $from_user to before $to_user: sums over active three-hour windows.
-- Reads: user_hours of the training days, excluded_hours ("user" and hour: hours of alerts, which are not usual).
-- Scopes are each provider, and 'all' for the providers together, which is summed from the providers' windows.
-- Metrics are log10(files + 1) and log10(bytes + 1000) of active three-hour windows, in whole ten-thousandths:
-- integer sums give the same figures in any order of rows, threads and pieces.
WITH hours AS (
  SELECT u.population, u."user", u.provider, u.hour, u.files, u.sized_files, u.bytes
  FROM user_hours u
  WHERE
    u.population IS NOT NULL AND u.hour >= $training_start AND u.hour < $day_start
    AND u."user" >= $from_user AND u."user" < $to_user
    -- As a left join whose right side has no row, DuckDB 2.0.1 takes sums of the left side for not above zero.
    AND NOT EXISTS (SELECT 1 FROM excluded_hours e WHERE e."user" = u."user" AND e.hour = u.hour)
),
provider_windows AS (
  SELECT
    population,
    provider,
    "user",
    date_trunc('day', hour) AS day,
    floor(extract(hour FROM hour) / 3) AS third,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CAST(sum(bytes) AS BIGINT) AS bytes
  FROM hours
  GROUP BY population, provider, "user", date_trunc('day', hour), floor(extract(hour FROM hour) / 3)
),
windows AS (
  SELECT population, provider AS scope, "user", day, files, sized_files, bytes FROM provider_windows
  UNION ALL
  SELECT
    population,
    'all' AS scope,
    "user",
    day,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CAST(sum(bytes) AS BIGINT) AS bytes
  FROM provider_windows
  GROUP BY population, "user", day, third
),
metrics AS (
  SELECT
    *,
    CAST(round(10000 * log10(files + 1)) AS BIGINT) AS m_files,
    CASE WHEN sized_files > 0 THEN CAST(round(10000 * log10(bytes + 1000)) AS BIGINT) END AS m_bytes
  FROM windows
)
SELECT
  population,
  scope,
  "user",
  min(day) AS first_day,
  count(*) AS files_windows,
  CAST(sum(m_files) AS BIGINT) AS files_s1,
  CAST(sum(m_files * m_files) AS BIGINT) AS files_s2,
  min(files) AS files_min,
  CAST(sum(files) AS BIGINT) AS files_sum,
  max(files) AS files_max,
  count(m_bytes) AS bytes_windows,
  CAST(coalesce(sum(m_bytes), 0) AS BIGINT) AS bytes_s1,
  CAST(coalesce(sum(m_bytes * m_bytes), 0) AS BIGINT) AS bytes_s2,
  min(bytes) FILTER (WHERE sized_files > 0) AS bytes_min,
  CAST(sum(bytes) AS BIGINT) AS bytes_sum,
  max(bytes) FILTER (WHERE sized_files > 0) AS bytes_max
FROM metrics
GROUP BY population, scope, "user"
