-- What the users of a flood have in common: what most of them, or most of their files, share.
-- Reads: flooded, openings, all_detections, user_hours.
WITH keys AS (
  SELECT DISTINCT f.folded_into, h.provider, h."user", h.actor_class, h.hour
  FROM flooded f
  JOIN openings o ON o."user" = f."user" AND o.opening = f.first_window_start
  JOIN all_detections d ON d."user" = o."user" AND d.window_start >= o.opening AND d.window_start < o.closes
  JOIN user_hours h
    ON h."user" = d."user"
    AND h.population IS NOT NULL
    AND h.hour >= d.window_start
    AND h.hour < d.window_end
    AND (d.scope = 'all' OR h.provider = d.scope)
),
hours AS (
  SELECT k.folded_into, h.provider, h."user", h.files, h.extensions, h.countries, h.apps
  FROM keys k
  JOIN user_hours h
    ON h.provider = k.provider AND h."user" = k."user" AND h.actor_class = k.actor_class AND h.hour = k.hour
),
totals AS (
  SELECT folded_into, count(DISTINCT "user") AS users, sum(files) AS files
  FROM hours
  GROUP BY folded_into
),
counted AS (
  SELECT folded_into, "user", 1 AS place, 'provider' AS dimension, provider AS label, files
  FROM hours
  UNION ALL
  SELECT folded_into, "user", 2 AS place, 'app' AS dimension, e.key AS label, e.value AS files
  FROM (SELECT folded_into, "user", unnest(map_entries(apps)) AS e FROM hours) AS each_app
  UNION ALL
  SELECT folded_into, "user", 3 AS place, 'country' AS dimension, e.key AS label, e.value AS files
  FROM (SELECT folded_into, "user", unnest(map_entries(countries)) AS e FROM hours) AS each_country
  UNION ALL
  SELECT folded_into, "user", 4 AS place, 'extension' AS dimension, e.key AS label, e.value AS files
  FROM (SELECT folded_into, "user", unnest(map_entries(extensions)) AS e FROM hours) AS each_extension
),
shared AS (
  SELECT folded_into, place, dimension, label, count(DISTINCT "user") AS users, sum(files) AS files
  FROM counted
  GROUP BY folded_into, place, dimension, label
)
SELECT
  s.folded_into,
  s.place,
  s.dimension,
  s.label,
  1.0 * s.users / t.users AS users_share,
  1.0 * s.files / t.files AS files_share
FROM shared s
JOIN totals t ON t.folded_into = s.folded_into
WHERE s.users >= $flood_share * t.users OR s.files >= $flood_share * t.files
ORDER BY s.folded_into, s.place, files_share DESC, users_share DESC, s.label
