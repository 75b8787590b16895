-- Baselines for one day: per population and scope the organisation's row ("user" is NULL) and a row for each user.
-- Reads: user_hours of the training days, excluded_hours ("user" and hour: hours of alerts, which are not usual).
-- Scopes are each provider, and 'all' for the providers together.
-- Metrics are log10(files + 1) and log10(bytes + 1000) of active three-hour windows, in whole ten-thousandths:
-- integer sums give the same figures in any order of rows, threads and pieces.
-- A user's centre and spread are shrunk towards the organisation's with the weight of $prior_windows windows.
WITH hours AS (
  SELECT u.population, u."user", u.provider, u.hour, u.files, u.sized_files, u.bytes
  FROM user_hours u
  WHERE
    u.population IS NOT NULL AND u.hour >= $training_start AND u.hour < $day_start
    -- As a left join whose right side has no row, DuckDB 2.0.1 takes sums of the left side for not above zero.
    AND NOT EXISTS (SELECT 1 FROM excluded_hours e WHERE e."user" = u."user" AND e.hour = u.hour)
),
scoped AS (
  SELECT population, provider AS scope, "user", hour, files, sized_files, bytes FROM hours
  UNION ALL
  SELECT population, 'all' AS scope, "user", hour, files, sized_files, bytes FROM hours
),
windows AS (
  SELECT
    population,
    scope,
    "user",
    date_trunc('day', hour) AS day,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CAST(sum(bytes) AS BIGINT) AS bytes
  FROM scoped
  GROUP BY population, scope, "user", date_trunc('day', hour), floor(extract(hour FROM hour) / 3)
),
metrics AS (
  SELECT
    *,
    CAST(round(10000 * log10(files + 1)) AS BIGINT) AS m_files,
    CASE WHEN sized_files > 0 THEN CAST(round(10000 * log10(bytes + 1000)) AS BIGINT) END AS m_bytes
  FROM windows
),
users AS (
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
),
-- Within-user sums of squares in whole numbers: S2 - S1 * S1 / n, rounded to the nearest.
organisation_sums AS (
  SELECT
    population,
    scope,
    count(*) AS users,
    min(first_day) AS first_day,
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
    CAST(sum(bytes_sum) AS BIGINT) AS bytes_sum,
    max(bytes_max) AS bytes_max,
    CAST(sum(CASE WHEN files_windows > 1 THEN CAST(round(files_s2 - 1.0 * files_s1 * files_s1 / files_windows) AS BIGINT) END) AS BIGINT) AS files_within_ss,
    CAST(sum(CASE WHEN files_windows > 1 THEN files_windows - 1 END) AS BIGINT) AS files_within_df,
    CAST(sum(CASE WHEN bytes_windows > 1 THEN CAST(round(bytes_s2 - 1.0 * bytes_s1 * bytes_s1 / bytes_windows) AS BIGINT) END) AS BIGINT) AS bytes_within_ss,
    CAST(sum(CASE WHEN bytes_windows > 1 THEN bytes_windows - 1 END) AS BIGINT) AS bytes_within_df
  FROM users
  GROUP BY population, scope
),
organisation AS (
  SELECT
    *,
    files_s1 / 10000.0 / files_windows AS files_mean,
    greatest(sqrt(greatest(1.0 * files_s2 / files_windows - (1.0 * files_s1 / files_windows) * (1.0 * files_s1 / files_windows), 0)) / 10000.0, $least_spread) AS files_sd,
    greatest(coalesce(sqrt(1.0 * files_within_ss / files_within_df) / 10000.0, 0.5), $least_spread) AS files_within,
    bytes_s1 / 10000.0 / nullif(bytes_windows, 0) AS bytes_mean,
    greatest(sqrt(greatest(1.0 * bytes_s2 / nullif(bytes_windows, 0) - (1.0 * bytes_s1 / nullif(bytes_windows, 0)) * (1.0 * bytes_s1 / nullif(bytes_windows, 0)), 0)) / 10000.0, $least_spread) AS bytes_sd,
    greatest(coalesce(sqrt(1.0 * bytes_within_ss / nullif(bytes_within_df, 0)) / 10000.0, 0.5), $least_spread) AS bytes_within
  FROM organisation_sums
)
SELECT
  population,
  scope,
  CAST(NULL AS VARCHAR) AS "user",
  users,
  date_diff('day', first_day, CAST($day_start AS TIMESTAMP)) AS history_days,
  files_windows, files_s1, files_s2, files_min, files_sum, files_max,
  bytes_windows, bytes_s1, bytes_s2, bytes_min, bytes_sum, bytes_max,
  files_mean AS files_centre,
  files_sd AS files_spread,
  sqrt(files_within * files_within + files_sd * files_sd / $prior_windows) AS files_newcomer_spread,
  CASE WHEN bytes_windows > 0 THEN bytes_mean END AS bytes_centre,
  CASE WHEN bytes_windows > 0 THEN bytes_sd END AS bytes_spread,
  CASE WHEN bytes_windows > 0 THEN sqrt(bytes_within * bytes_within + bytes_sd * bytes_sd / $prior_windows) END AS bytes_newcomer_spread
FROM organisation
UNION ALL
SELECT
  u.population,
  u.scope,
  u."user",
  1 AS users,
  date_diff('day', u.first_day, CAST($day_start AS TIMESTAMP)) AS history_days,
  u.files_windows, u.files_s1, u.files_s2, u.files_min, u.files_sum, u.files_max,
  u.bytes_windows, u.bytes_s1, u.bytes_s2, u.bytes_min, u.bytes_sum, u.bytes_max,
  (u.files_s1 / 10000.0 + $prior_windows * o.files_mean) / (u.files_windows + $prior_windows) AS files_centre,
  sqrt(
    (greatest(u.files_s2 / 1e8 - u.files_s1 / 1e4 * (u.files_s1 / 1e4) / u.files_windows, 0) + $prior_windows * o.files_within * o.files_within)
    / (u.files_windows + $prior_windows)
    + o.files_sd * o.files_sd / (u.files_windows + $prior_windows)
  ) AS files_spread,
  CAST(NULL AS DOUBLE) AS files_newcomer_spread,
  (u.bytes_s1 / 10000.0 + $prior_windows * o.bytes_mean) / (u.bytes_windows + $prior_windows) AS bytes_centre,
  sqrt(
    (greatest(u.bytes_s2 / 1e8 - coalesce(u.bytes_s1 / 1e4 * (u.bytes_s1 / 1e4) / nullif(u.bytes_windows, 0), 0), 0) + $prior_windows * o.bytes_within * o.bytes_within)
    / (u.bytes_windows + $prior_windows)
    + o.bytes_sd * o.bytes_sd / (u.bytes_windows + $prior_windows)
  ) AS bytes_spread,
  CAST(NULL AS DOUBLE) AS bytes_newcomer_spread
FROM users u
JOIN organisation o ON o.population = u.population AND o.scope = u.scope
ORDER BY population, scope, "user" NULLS FIRST
