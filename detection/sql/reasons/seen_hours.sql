-- Sightings of each user, once per hour and combination: an alert looks back over 90 days, and its periods begin and
-- end with an hour.
-- Reads: placed.
SELECT
  "user",
  provider,
  actor_class,
  is_upload,
  country,
  located_by,
  network,
  kind,
  listed,
  is_place,
  CASE WHEN kind IS NOT NULL THEN ip END AS ip,
  -- An updated application is not a new one.
  regexp_replace(app, '[ /]v?[0-9][0-9.]*$', '') AS app,
  min(time) AS time,
  max(time) AS last_time
FROM placed
GROUP BY
  "user",
  provider,
  actor_class,
  is_upload,
  country,
  located_by,
  network,
  kind,
  listed,
  is_place,
  CASE WHEN kind IS NOT NULL THEN ip END,
  regexp_replace(app, '[ /]v?[0-9][0-9.]*$', ''),
  date_trunc('hour', time)
