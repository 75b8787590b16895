-- One row per provider, user, actor class and hour (UTC) with at least one save of a file. All that follows is sums over it.
-- Reads: uploads by person (see persons/by_person.sql), has_address among their columns. population: people (with guests,
-- and apps that act in the name of a person known by an address) or
-- services (service accounts and other apps); NULL for those that are counted but not judged.
-- A file counts once a day, in the hour of its first save. Its bytes are those of its largest known version of the day: a
-- save adds what it grows beyond all saves before it, so bytes count where they come. A file has a known size where no
-- save of it lacks one: what is unknown may be larger.
-- again_files: of the files saved in the hour, those saved in an earlier hour of the day; position k + 1 has those not
-- saved in the k hours before. So a stretch of hours that begins k hours before counts each of its files once, too.
-- A file is known by its id, else by its path. Without either each save counts: a name is chosen by its bearer.
-- Sums of bytes stop at 2^62, here and wherever they are added up: a few hostile sizes must not fail a day.
-- An estimate is part of neither bytes nor sized_files. The maps count the files that the hour saved by extension, country,
-- app ('' where none is told) and its id, keys in order; a file saved by two apps counts for both.
WITH named AS (
  SELECT
    provider, "user", actor_class, time, event_key, asset, bytes, estimated_bytes, extension, country,
    coalesce(app, '') AS app,
    coalesce(app_id, '') AS app_id,
    CASE
      WHEN actor_class IN ('person', 'guest') OR (
        actor_class = 'app' AND bool_or(has_address) OVER (PARTITION BY provider, "user", actor_class, CAST(time AS DATE))
      ) THEN 'people'
      WHEN actor_class IN ('service', 'app') THEN 'services'
    END AS population,
    date_trunc('hour', time) AS hour,
    CAST(time AS DATE) AS day,
    CASE
      WHEN file_id IS NOT NULL THEN concat('id:', file_id)
      WHEN folder IS NOT NULL AND file_name IS NOT NULL THEN concat('path:', folder, '/', file_name)
      ELSE concat('event:', event_key, ':', asset)
    END AS file
  FROM uploads
),
saved AS (
  SELECT
    *,
    lag(hour) OVER in_order AS hour_before,
    max(bytes) OVER earlier AS largest_before,
    count(estimated_bytes) OVER earlier AS estimated_before,
    max(bytes) OVER whole AS largest,
    max(estimated_bytes) OVER whole AS estimate,
    count(*) OVER whole = count(bytes) OVER whole AS is_sized
  FROM named
  WINDOW
    in_order AS (PARTITION BY provider, "user", population, day, file ORDER BY time, event_key, asset),
    earlier AS (
      PARTITION BY provider, "user", population, day, file ORDER BY time, event_key, asset
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ),
    whole AS (PARTITION BY provider, "user", population, day, file)
),
sums AS (
  SELECT
    provider,
    "user",
    actor_class,
    population,
    hour,
    count(CASE WHEN hour_before IS NULL THEN 1 END) AS files,
    count(*) AS saves,
    count(CASE WHEN hour_before IS NULL AND is_sized THEN 1 END) AS sized_files,
    sum(CASE WHEN largest_before IS NULL THEN bytes WHEN bytes > largest_before THEN bytes - largest_before WHEN bytes IS NOT NULL THEN 0 END) AS bytes,
    count(CASE WHEN estimated_before = 0 THEN estimated_bytes END) AS estimated_files,
    sum(CASE WHEN estimated_before = 0 AND estimated_bytes IS NOT NULL THEN CASE WHEN largest IS NULL THEN estimate WHEN estimate > largest THEN estimate - largest ELSE 0 END END) AS estimated_bytes
  FROM saved
  GROUP BY provider, "user", actor_class, population, hour
),
returned AS (
  SELECT
    s.provider, s."user", s.actor_class, s.hour, k.hours,
    count(*) AS files,
    count(CASE WHEN s.is_sized THEN 1 END) AS sized_files
  FROM saved s
  JOIN (SELECT unnest(range(23)) AS hours) k ON date_diff('hour', s.hour_before, s.hour) > k.hours
  GROUP BY s.provider, s."user", s.actor_class, s.hour, k.hours
),
again AS (
  SELECT
    provider, "user", actor_class, hour,
    list(files ORDER BY hours) AS files,
    list(sized_files ORDER BY hours) AS sized_files
  FROM returned
  GROUP BY provider, "user", actor_class, hour
),
counts AS (
  SELECT provider, "user", actor_class, hour, 'extension' AS dimension, extension AS label, count(DISTINCT file) AS files
  FROM named
  GROUP BY provider, "user", actor_class, hour, extension
  UNION ALL
  SELECT provider, "user", actor_class, hour, 'country' AS dimension, country AS label, count(DISTINCT file) AS files
  FROM named
  WHERE country IS NOT NULL
  GROUP BY provider, "user", actor_class, hour, country
  UNION ALL
  SELECT provider, "user", actor_class, hour, 'app' AS dimension, app AS label, count(DISTINCT file) AS files
  FROM named
  GROUP BY provider, "user", actor_class, hour, app
  UNION ALL
  SELECT provider, "user", actor_class, hour, 'app_id' AS dimension, app_id AS label, count(DISTINCT file) AS files
  FROM named
  GROUP BY provider, "user", actor_class, hour, app_id
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
  h.population,
  h.hour,
  h.files,
  h.sized_files,
  CASE WHEN h.bytes > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(h.bytes AS BIGINT) END AS bytes,
  h.saves,
  h.estimated_files,
  CASE WHEN h.estimated_bytes > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(h.estimated_bytes AS BIGINT) END AS estimated_bytes,
  r.files AS again_files,
  r.sized_files AS again_sized_files,
  e.counted AS extensions,
  c.counted AS countries,
  a.counted AS apps,
  i.counted AS app_ids
FROM sums h
LEFT JOIN again r ON r.provider = h.provider AND r."user" = h."user" AND r.actor_class = h.actor_class AND r.hour = h.hour
LEFT JOIN maps e ON e.dimension = 'extension' AND e.provider = h.provider AND e."user" = h."user" AND e.actor_class = h.actor_class AND e.hour = h.hour
LEFT JOIN maps c ON c.dimension = 'country' AND c.provider = h.provider AND c."user" = h."user" AND c.actor_class = h.actor_class AND c.hour = h.hour
LEFT JOIN maps a ON a.dimension = 'app' AND a.provider = h.provider AND a."user" = h."user" AND a.actor_class = h.actor_class AND a.hour = h.hour
LEFT JOIN maps i ON i.dimension = 'app_id' AND i.provider = h.provider AND i."user" = h."user" AND i.actor_class = h.actor_class AND i.hour = h.hour
ORDER BY h."user", h.hour, h.provider, h.actor_class
