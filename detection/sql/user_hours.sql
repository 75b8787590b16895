-- One row per provider, user, actor class and hour (UTC) with at least one upload. All that follows is sums over it.
-- Reads: uploads by person (see persons/by_person.sql), has_address among their columns. population: people (with guests, and apps that act in the name of a person known by e-mail) or
-- services (service accounts and other apps); NULL for those that are counted but not judged.
-- Sums of bytes stop at 2^62, here and wherever they are added up: a few hostile sizes must not fail a day.
-- An estimate is part of neither bytes nor sized_files. The maps count files by extension, country, app and its id, keys in order.
WITH hours AS (
  SELECT
    provider,
    "user",
    actor_class,
    date_trunc('hour', time) AS hour,
    count(*) AS files,
    count(bytes) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
    count(estimated_bytes) AS estimated_files,
    CASE WHEN sum(estimated_bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(estimated_bytes) AS BIGINT) END AS estimated_bytes,
    bool_or(has_address) AS has_address
  FROM uploads
  GROUP BY provider, "user", actor_class, date_trunc('hour', time)
),
counts AS (
  SELECT provider, "user", actor_class, date_trunc('hour', time) AS hour, 'extension' AS dimension, extension AS label, count(*) AS files
  FROM uploads
  GROUP BY provider, "user", actor_class, date_trunc('hour', time), extension
  UNION ALL
  SELECT provider, "user", actor_class, date_trunc('hour', time) AS hour, 'country' AS dimension, country AS label, count(*) AS files
  FROM uploads
  WHERE country IS NOT NULL
  GROUP BY provider, "user", actor_class, date_trunc('hour', time), country
  UNION ALL
  SELECT provider, "user", actor_class, date_trunc('hour', time) AS hour, 'app' AS dimension, app AS label, count(*) AS files
  FROM uploads
  WHERE app IS NOT NULL
  GROUP BY provider, "user", actor_class, date_trunc('hour', time), app
  UNION ALL
  SELECT provider, "user", actor_class, date_trunc('hour', time) AS hour, 'app_id' AS dimension, app_id AS label, count(*) AS files
  FROM uploads
  WHERE app_id IS NOT NULL
  GROUP BY provider, "user", actor_class, date_trunc('hour', time), app_id
),
maps AS (
  SELECT
    provider, "user", actor_class, hour, dimension,
    map_from_entries(list(struct_pack(key := label, value := files) ORDER BY label)) AS counted
  FROM counts
  GROUP BY provider, "user", actor_class, hour, dimension
)
SELECT
  h.provider,
  h."user",
  h.actor_class,
  CASE
    WHEN h.actor_class IN ('person', 'guest') OR (h.actor_class = 'app' AND h.has_address) THEN 'people'
    WHEN h.actor_class IN ('service', 'app') THEN 'services'
  END AS population,
  h.hour,
  h.files,
  h.sized_files,
  h.bytes,
  h.estimated_files,
  h.estimated_bytes,
  e.counted AS extensions,
  c.counted AS countries,
  a.counted AS apps,
  i.counted AS app_ids
FROM hours h
LEFT JOIN maps e ON e.dimension = 'extension' AND e.provider = h.provider AND e."user" = h."user" AND e.actor_class = h.actor_class AND e.hour = h.hour
LEFT JOIN maps c ON c.dimension = 'country' AND c.provider = h.provider AND c."user" = h."user" AND c.actor_class = h.actor_class AND c.hour = h.hour
LEFT JOIN maps a ON a.dimension = 'app' AND a.provider = h.provider AND a."user" = h."user" AND a.actor_class = h.actor_class AND a.hour = h.hour
LEFT JOIN maps i ON i.dimension = 'app_id' AND i.provider = h.provider AND i."user" = h."user" AND i.actor_class = h.actor_class AND i.hour = h.hour
ORDER BY h."user", h.hour, h.provider, h.actor_class
