-- Places and applications of the users from the start of the signs period to the end of the alert, beside the usual
-- days
-- before: one row per country, network and application, whatever its version.
-- is_known: earlier days have other values of that kind, so that a value without a day is new and not merely the first
-- one logged. For applications, only the same provider and the same way of naming count. Never true for an address that
-- is no place; for a country only where no other source located its network elsewhere.
-- Reads: subjects, activity, uploads, addresses (what is known of an ip).
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
    n.network,
    n.kind,
    coalesce(n.is_place, TRUE) AS is_place,
    CASE WHEN coalesce(n.is_place, TRUE) THEN coalesce(a.country, n.country) END AS country,
    CASE WHEN a.country IS NOT NULL THEN a.provider ELSE 'address' END AS located_by,
    regexp_replace(a.app, '[ /]v?[0-9][0-9.]*$', '') AS app
  FROM subjects s
  JOIN acts a ON a."user" = s."user" AND a.time >= s.usual_from AND a.time < s.ends
  LEFT JOIN addresses n ON n.ip = a.ip
),
placed AS (
  SELECT
    e.alert_id, e."user", 'country' AS dimension, e.country AS place, CAST(NULL AS VARCHAR) AS provider,
    CAST(NULL AS VARCHAR) AS listed, e.time, e.is_sign,
    NOT EXISTS (
      SELECT 1
      FROM seen u
      WHERE
        u.alert_id = e.alert_id AND u."user" = e."user" AND NOT u.is_sign AND u.network = e.network
        AND u.country IS NOT NULL AND u.located_by <> e.located_by
    ) AS may_be_new
  FROM seen e
  WHERE e.country IS NOT NULL
  UNION ALL
  SELECT
    alert_id, "user", 'network' AS dimension, network AS place, CAST(NULL AS VARCHAR) AS provider, kind AS listed,
    time, is_sign, is_place AS may_be_new
  FROM seen
  WHERE network IS NOT NULL
  UNION ALL
  SELECT
    alert_id, "user", 'application' AS dimension, app AS place, provider, CAST(NULL AS VARCHAR) AS listed, time,
    is_sign, TRUE AS may_be_new
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
    count(DISTINCT CASE WHEN NOT is_sign THEN CAST(time AS DATE) END) AS usual_days,
    max(CASE WHEN is_sign AND may_be_new THEN 1 ELSE 0 END) AS new_if_unusual
  FROM placed
  GROUP BY alert_id, "user", dimension, place, provider
),
compared AS (
  SELECT
    * EXCLUDE (new_if_unusual),
    new_if_unusual = 1 AND max(usual_days) OVER (
      PARTITION BY alert_id, "user", dimension, provider, ends_with(place, $derived_mark)
    ) > 0 AS is_known
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
