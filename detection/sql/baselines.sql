-- Baselines for one day: the organisation's row ("user" is NULL) and one row per user, for each population and scope.
-- Reads: user_sums, of all users; scales.
-- history_days counts what there is to compare with: a long sum's history begins as many days later, and ends before it.
-- A user's centre and spread are shrunk towards the organisation's with the weight of $prior_windows windows.
-- Within-user sums of squares are in whole numbers: S2 - S1 * S1 / n, rounded to the nearest.
WITH organisation_sums AS (
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
    CAST(sum(CAST(round(10000 * log10(files_max + 1)) AS BIGINT)) AS BIGINT) AS files_maxima,
    CAST(sum(bytes_windows) AS BIGINT) AS bytes_windows,
    CAST(sum(bytes_s1) AS BIGINT) AS bytes_s1,
    CAST(sum(bytes_s2) AS BIGINT) AS bytes_s2,
    min(bytes_min) AS bytes_min,
    CASE WHEN sum(bytes_sum) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes_sum) AS BIGINT) END AS bytes_sum,
    max(bytes_max) AS bytes_max,
    CAST(sum(CAST(round(10000 * log10(bytes_max + 1000)) AS BIGINT)) AS BIGINT) AS bytes_maxima,
    count(bytes_max) AS bytes_users,
    CAST(sum(CASE WHEN files_windows > 1 THEN CAST(round(files_s2 - 1.0 * files_s1 * files_s1 / files_windows) AS BIGINT) END) AS BIGINT) AS files_within_ss,
    CAST(sum(CASE WHEN files_windows > 1 THEN files_windows - 1 END) AS BIGINT) AS files_within_df,
    CAST(sum(CASE WHEN bytes_windows > 1 THEN CAST(round(bytes_s2 - 1.0 * bytes_s1 * bytes_s1 / bytes_windows) AS BIGINT) END) AS BIGINT) AS bytes_within_ss,
    CAST(sum(CASE WHEN bytes_windows > 1 THEN bytes_windows - 1 END) AS BIGINT) AS bytes_within_df
  FROM user_sums
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
  o.scope,
  CAST(NULL AS VARCHAR) AS "user",
  users,
  CAST(NULL AS BIGINT) AS active_days,
  date_diff('day', first_day, CAST($day_start AS TIMESTAMP)) - coalesce(s.days, 0) AS history_days,
  files_windows, files_s1, files_s2, files_min, files_sum, files_max,
  bytes_windows, bytes_s1, bytes_s2, bytes_min, bytes_sum, bytes_max,
  files_mean AS files_centre,
  files_sd AS files_spread,
  sqrt(files_within * files_within + files_sd * files_sd / $prior_windows) AS files_newcomer_spread,
  files_maxima / 10000.0 / users AS files_max_centre,
  CASE WHEN bytes_windows > 0 THEN bytes_mean END AS bytes_centre,
  CASE WHEN bytes_windows > 0 THEN bytes_sd END AS bytes_spread,
  CASE WHEN bytes_windows > 0 THEN sqrt(bytes_within * bytes_within + bytes_sd * bytes_sd / $prior_windows) END AS bytes_newcomer_spread,
  bytes_maxima / 10000.0 / nullif(bytes_users, 0) AS bytes_max_centre
FROM organisation o
LEFT JOIN scales s ON s.scope = o.scope
UNION ALL
SELECT
  u.population,
  u.scope,
  u."user",
  1 AS users,
  u.active_days,
  date_diff('day', u.first_day, CAST($day_start AS TIMESTAMP)) - coalesce(s.days, 0) AS history_days,
  u.files_windows, u.files_s1, u.files_s2, u.files_min, u.files_sum, u.files_max,
  u.bytes_windows, u.bytes_s1, u.bytes_s2, u.bytes_min, u.bytes_sum, u.bytes_max,
  (u.files_s1 / 10000.0 + $prior_windows * o.files_mean) / (u.files_windows + $prior_windows) AS files_centre,
  sqrt(
    (greatest(u.files_s2 / 1e8 - u.files_s1 / 1e4 * (u.files_s1 / 1e4) / u.files_windows, 0) + $prior_windows * o.files_within * o.files_within)
    / (u.files_windows + $prior_windows)
    + o.files_sd * o.files_sd / (u.files_windows + $prior_windows)
  ) AS files_spread,
  CAST(NULL AS DOUBLE) AS files_newcomer_spread,
  CAST(NULL AS DOUBLE) AS files_max_centre,
  (u.bytes_s1 / 10000.0 + $prior_windows * o.bytes_mean) / (u.bytes_windows + $prior_windows) AS bytes_centre,
  sqrt(
    (greatest(u.bytes_s2 / 1e8 - coalesce(u.bytes_s1 / 1e4 * (u.bytes_s1 / 1e4) / nullif(u.bytes_windows, 0), 0), 0) + $prior_windows * o.bytes_within * o.bytes_within)
    / (u.bytes_windows + $prior_windows)
    + o.bytes_sd * o.bytes_sd / (u.bytes_windows + $prior_windows)
  ) AS bytes_spread,
  CAST(NULL AS DOUBLE) AS bytes_newcomer_spread,
  CAST(NULL AS DOUBLE) AS bytes_max_centre
FROM user_sums u
JOIN organisation o ON o.population = u.population AND o.scope = u.scope
LEFT JOIN scales s ON s.scope = u.scope
ORDER BY population, scope, "user" NULLS FIRST
