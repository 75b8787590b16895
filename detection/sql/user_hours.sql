-- One row per provider, user, actor class and hour (UTC) with at least one save of a file. All later tables are sums
-- over it.
-- Reads: saved_files, of uploads by person (see persons/by_person.sql) with the column has_address.
-- population: people (with guests, and apps that act for a person with a known address) or services (service accounts
-- and other apps); NULL for users that are counted but not evaluated.
-- A file counts once a day, in the hour of its first save. Its bytes are those of its largest known version of the day:
-- a save adds its growth beyond all earlier saves, so bytes count in the hour of their upload. A file is sized only if
-- each of its saves has a size, since an unknown one may be larger.
-- again_files: files saved in the hour and in an earlier hour of the day; position k + 1 counts those not saved in the
-- k hours before. So a window that begins k hours earlier can also count each of its files once.
-- Sums of bytes are capped at 2^62, here and in all later sums: a few hostile sizes must not fail a day.
-- An estimate is part of neither bytes nor sized_files. The maps count the files that the hour saved by extension,
-- country, app ('' where none is logged) and its id, with sorted keys; a file saved by two apps counts for both.
-- Most files are saved once a day. They are not sorted or compared by their texts, which takes the most time.
-- Lists are sorted after aggregation, which is faster than to aggregate in order.
WITH acting AS (
  SELECT provider, "user", day
  FROM saved_files
  WHERE actor_class = 'app' AND has_address
  GROUP BY provider, "user", day
),
named AS (
  SELECT
    s.provider, s."user", s.actor_class, s.time, s.event_key, s.asset, s.bytes, s.estimated_bytes, s.extension, s.country,
    coalesce(s.app, '') AS app,
    coalesce(s.app_id, '') AS app_id,
    CASE
      WHEN s.actor_class IN ('person', 'guest') OR a."user" IS NOT NULL THEN 'people'
      WHEN s.actor_class IN ('service', 'app') THEN 'services'
    END AS population,
    date_trunc('hour', s.time) AS hour,
    s.day,
    s.file,
    -- Files with colliding hashes only take the slower path.
    hash(s.provider, s."user", s.day, s.file) AS file_hash
  FROM saved_files s
  LEFT JOIN acting a ON s.actor_class = 'app' AND a.provider = s.provider AND a."user" = s."user" AND a.day = s.day
),
met AS (
  SELECT file_hash
  FROM named
  GROUP BY file_hash
  HAVING count(*) > 1
),
alone AS (
  SELECT n.*
  FROM named n
  ANTI JOIN met ON met.file_hash = n.file_hash
),
repeated AS (
  SELECT n.*
  FROM named n
  SEMI JOIN met ON met.file_hash = n.file_hash
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
  FROM repeated
  WINDOW
    in_order AS (PARTITION BY provider, "user", population, day, file ORDER BY time, event_key, asset),
    earlier AS (
      PARTITION BY provider, "user", population, day, file ORDER BY time, event_key, asset
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ),
    whole AS (PARTITION BY provider, "user", population, day, file)
),
-- What each save adds to its hour. A label is set where it counts: once per file and hour.
added AS (
  SELECT
    provider, "user", actor_class, population, hour, extension, country, app, app_id,
    1 AS files,
    CASE WHEN bytes IS NOT NULL THEN 1 ELSE 0 END AS sized_files,
    bytes,
    CASE WHEN estimated_bytes IS NOT NULL THEN 1 ELSE 0 END AS estimated_files,
    CASE WHEN bytes IS NULL OR estimated_bytes IS NULL THEN estimated_bytes ELSE greatest(estimated_bytes - bytes, 0) END AS estimated_bytes
  FROM alone
  UNION ALL
  SELECT
    provider, "user", actor_class, population, hour,
    CASE WHEN row_number() OVER (PARTITION BY provider, "user", actor_class, hour, file, extension) = 1 THEN extension END AS extension,
    CASE WHEN row_number() OVER (PARTITION BY provider, "user", actor_class, hour, file, country) = 1 THEN country END AS country,
    CASE WHEN row_number() OVER (PARTITION BY provider, "user", actor_class, hour, file, app) = 1 THEN app END AS app,
    CASE WHEN row_number() OVER (PARTITION BY provider, "user", actor_class, hour, file, app_id) = 1 THEN app_id END AS app_id,
    CASE WHEN hour_before IS NULL THEN 1 ELSE 0 END AS files,
    CASE WHEN hour_before IS NULL AND is_sized THEN 1 ELSE 0 END AS sized_files,
    CASE WHEN largest_before IS NULL OR bytes IS NULL THEN bytes ELSE greatest(bytes - largest_before, 0) END AS bytes,
    CASE WHEN estimated_before = 0 AND estimated_bytes IS NOT NULL THEN 1 ELSE 0 END AS estimated_files,
    CASE WHEN estimated_before = 0 AND estimated_bytes IS NOT NULL THEN CASE WHEN largest IS NULL THEN estimate ELSE greatest(estimate - largest, 0) END END AS estimated_bytes
  FROM saved
),
sums AS (
  SELECT
    provider,
    "user",
    actor_class,
    population,
    hour,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    sum(bytes) AS bytes,
    count(*) AS saves,
    CAST(sum(estimated_files) AS BIGINT) AS estimated_files,
    sum(estimated_bytes) AS estimated_bytes,
    row_number() OVER () AS id
  FROM added
  GROUP BY provider, "user", actor_class, population, hour
),
-- Numbers group faster than texts.
labelled AS (
  SELECT s.id, a.extension, a.country, a.app, a.app_id
  FROM added a
  JOIN sums s ON s.provider = a.provider AND s."user" = a."user" AND s.actor_class = a.actor_class AND s.hour = a.hour
),
extensions AS (
  SELECT id, map_from_entries(list_sort(list(struct_pack(key := label, value := files)))) AS counted
  FROM (SELECT id, extension AS label, count(*) AS files FROM labelled WHERE extension IS NOT NULL GROUP BY id, extension) AS each_label
  GROUP BY id
),
countries AS (
  SELECT id, map_from_entries(list_sort(list(struct_pack(key := label, value := files)))) AS counted
  FROM (SELECT id, country AS label, count(*) AS files FROM labelled WHERE country IS NOT NULL GROUP BY id, country) AS each_label
  GROUP BY id
),
apps AS (
  SELECT id, map_from_entries(list_sort(list(struct_pack(key := label, value := files)))) AS counted
  FROM (SELECT id, app AS label, count(*) AS files FROM labelled WHERE app IS NOT NULL GROUP BY id, app) AS each_label
  GROUP BY id
),
app_ids AS (
  SELECT id, map_from_entries(list_sort(list(struct_pack(key := label, value := files)))) AS counted
  FROM (SELECT id, app_id AS label, count(*) AS files FROM labelled WHERE app_id IS NOT NULL GROUP BY id, app_id) AS each_label
  GROUP BY id
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
  SELECT provider, "user", actor_class, hour, list_sort(list(struct_pack(hours, files, sized_files))) AS counted
  FROM returned
  GROUP BY provider, "user", actor_class, hour
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
  list_transform(r.counted, lambda each: each.files) AS again_files,
  list_transform(r.counted, lambda each: each.sized_files) AS again_sized_files,
  e.counted AS extensions,
  c.counted AS countries,
  a.counted AS apps,
  i.counted AS app_ids
FROM sums h
LEFT JOIN again r ON r.provider = h.provider AND r."user" = h."user" AND r.actor_class = h.actor_class AND r.hour = h.hour
LEFT JOIN extensions e ON e.id = h.id
LEFT JOIN countries c ON c.id = h.id
LEFT JOIN apps a ON a.id = h.id
LEFT JOIN app_ids i ON i.id = h.id
ORDER BY h."user", h.hour, h.provider, h.actor_class
