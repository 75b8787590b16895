-- From where and with what the users worked in the seven days before the alert to its end, next to the 30 days before: one
-- row per country, network and application. Versions of an application do not count. is_known: the user has others of
-- that kind on record before, for applications at the same provider, so that one without a day is new and not merely the
-- first one told.
-- Reads: subjects, activity, uploads, addresses (ip, network, listed, kind).
WITH acts AS (
  SELECT a."user", a.provider, a.time, a.ip, a.country, a.app
  FROM activity a
  WHERE a.kind IN ('sign_in', 'sign_in_failed', 'download', 'share_external', 'delete')
  UNION ALL
  SELECT u."user", u.provider, u.time, u.ip, u.country, u.app
  FROM uploads u
),
seen AS (
  SELECT
    s.alert_id,
    s."user",
    a.provider,
    a.time,
    a.time >= s.signs_from AS is_sign,
    a.ip,
    a.country,
    regexp_replace(a.app, '[ /]v?[0-9][0-9.]*$', '') AS app
  FROM subjects s
  JOIN acts a ON a."user" = s."user" AND a.time >= s.usual_from AND a.time < s.ends
),
placed AS (
  SELECT
    alert_id, "user", 'country' AS dimension, country AS place, CAST(NULL AS VARCHAR) AS provider,
    CAST(NULL AS VARCHAR) AS listed, time, is_sign
  FROM seen
  WHERE country IS NOT NULL
  UNION ALL
  SELECT
    e.alert_id, e."user", 'network' AS dimension, n.network AS place, CAST(NULL AS VARCHAR) AS provider,
    n.kind AS listed, e.time, e.is_sign
  FROM seen e
  JOIN addresses n ON n.ip = e.ip
  WHERE n.network IS NOT NULL
  UNION ALL
  SELECT
    alert_id, "user", 'application' AS dimension, app AS place, provider, CAST(NULL AS VARCHAR) AS listed, time,
    is_sign
  FROM seen
  WHERE app <> ''
),
counted AS (
  SELECT
    alert_id,
    "user",
    dimension,
    place,
    provider,
    max(listed) AS listed,
    count(CASE WHEN is_sign THEN 1 END) AS number,
    min(CASE WHEN is_sign THEN time END) AS first_time,
    count(DISTINCT CASE WHEN NOT is_sign THEN CAST(time AS DATE) END) AS usual_days
  FROM placed
  GROUP BY alert_id, "user", dimension, place, provider
),
compared AS (
  SELECT *, max(usual_days) OVER (PARTITION BY alert_id, "user", dimension, provider) > 0 AS is_known
  FROM counted
),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY alert_id, dimension
      ORDER BY
        CASE WHEN number > 0 AND usual_days = 0 AND is_known THEN 0 WHEN number > 0 THEN 1 ELSE 2 END,
        usual_days DESC, number DESC, place, provider, "user"
    ) AS nth,
    count(*) OVER (PARTITION BY alert_id, dimension) AS of_rows
  FROM compared
)
SELECT * EXCLUDE (nth)
FROM ranked
WHERE nth <= $most_places
ORDER BY alert_id, dimension, nth
