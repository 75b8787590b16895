-- The alert of each group with a common cause: sums over the alerts that are folded into it.
-- Reads: grouped, single_alerts. Columns of a single user's rarest window stay NULL.
WITH folded AS (
  SELECT f.folded_into, f.day, f.usual_users, s.*
  FROM grouped f
  JOIN single_alerts s ON s.alert_id = f.alert_id
),
places AS (
  SELECT folded_into, list(DISTINCT provider ORDER BY provider) AS providers
  FROM (SELECT folded_into, unnest(providers) AS provider FROM folded) AS each_provider
  GROUP BY folded_into
),
sums AS (
  SELECT
    folded_into,
    day,
    cause,
    usual_users,
    count(*) AS users,
    CASE WHEN count(DISTINCT actor_class) = 1 THEN min(actor_class) END AS actor_class,
    CASE WHEN count(DISTINCT population) = 1 THEN min(population) END AS population,
    min(first_window_start) AS first_window_start,
    min(period_start) AS period_start,
    max(last_window_end) AS last_window_end,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
    CAST(sum(saves) AS BIGINT) AS saves,
    CAST(sum(estimated_files) AS BIGINT) AS estimated_files,
    CASE WHEN sum(estimated_bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(estimated_bytes) AS BIGINT) END AS estimated_bytes,
    CAST(sum(suppressed_count + 1) - 1 AS BIGINT) AS suppressed_count,
    max(coalesce(last_suppressed_at, first_window_start)) AS last_suppressed_at
  FROM folded
  GROUP BY folded_into, day, cause, usual_users
)
SELECT
  s.folded_into AS alert_id,
  concat('(many users of ', s.cause, ')') AS "user",
  s.actor_class,
  p.providers,
  s.first_window_start,
  s.period_start,
  s.last_window_end,
  s.files,
  s.sized_files,
  s.bytes,
  s.saves,
  s.estimated_files,
  s.estimated_bytes,
  s.population,
  s.suppressed_count,
  s.last_suppressed_at,
  s.users,
  s.day,
  s.cause,
  s.usual_users
FROM sums s
JOIN places p ON p.folded_into = s.folded_into
ORDER BY s.first_window_start
