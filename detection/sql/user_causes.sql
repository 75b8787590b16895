-- Scored windows with what their user mainly uploaded with on that day.
-- Reads: rated, user_hours of the day and the next.
-- cause: the source, and the application there with most of the user's files: its id where the provider gives one, since
-- many choose their names themselves.
WITH users AS (
  SELECT DISTINCT population, "user" FROM rated
),
hours AS (
  SELECT
    h.population, h."user", h.provider, h.files + coalesce(h.again_files[1], 0) AS files,
    CASE
      WHEN length(list_filter(map_keys(h.app_ids), lambda k: k <> '')) > 0 THEN map_entries(h.app_ids)
      WHEN length(list_filter(map_keys(h.apps), lambda k: k <> '')) > 0 THEN map_entries(h.apps)
    END AS apps
  FROM user_hours h
  JOIN users u ON u.population = h.population AND u."user" = h."user"
  WHERE h.hour >= $day_start AND h.hour < $day_end + ($window_hours - 1) * INTERVAL 1 HOUR
),
used AS (
  SELECT population, "user", provider, e.key AS app, e.value AS files
  FROM (SELECT population, "user", provider, unnest(apps) AS e FROM hours WHERE apps IS NOT NULL) AS each_app
  UNION ALL
  SELECT population, "user", provider, '' AS app, files
  FROM hours
  WHERE apps IS NULL
),
summed AS (
  SELECT population, "user", provider, app, sum(files) AS files
  FROM used
  GROUP BY population, "user", provider, app
),
placed AS (
  SELECT *, row_number() OVER (PARTITION BY population, "user" ORDER BY files DESC, provider, app) AS place
  FROM summed
)
SELECT r.*, CASE WHEN p.place = 1 THEN concat_ws('/', p.provider, p.app) END AS cause
FROM rated r
LEFT JOIN placed p ON p.population = r.population AND p."user" = r."user" AND p.place = 1
