-- Properties that most users of a group, or most of their files, have in common.
-- Reads: grouped, covered. Shares of files count the files that each hour saved; a file saved by two apps counts for
-- both.
WITH hours AS (
  SELECT f.folded_into, c.provider, c."user", c.saved_files AS files, c.extensions, c.countries, c.apps
  FROM grouped f
  JOIN covered c ON c."user" = f."user" AND c.opening = f.first_window_start
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
  WHERE e.key <> ''
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
WHERE s.users >= $common_share * t.users OR s.files >= $common_share * t.files
ORDER BY s.folded_into, s.place, files_share DESC, users_share DESC, s.label
