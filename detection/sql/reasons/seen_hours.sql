-- What was seen of each user, once an hour and way: an alert looks back over 90 days, and the periods that count for it
-- begin and end with an hour.
-- Reads: seen, addresses (what is known of an ip).
SELECT
  e."user",
  e.provider,
  e.actor_class,
  e.is_upload,
  e.country,
  a.network,
  a.kind,
  a.listed,
  CASE WHEN a.kind IS NOT NULL THEN e.ip END AS ip,
  -- An update of an application is no new application.
  regexp_replace(e.app, '[ /]v?[0-9][0-9.]*$', '') AS app,
  min(e.time) AS time,
  max(e.time) AS last_time
FROM seen e
LEFT JOIN addresses a ON a.ip = e.ip
GROUP BY
  e."user",
  e.provider,
  e.actor_class,
  e.is_upload,
  e.country,
  a.network,
  a.kind,
  a.listed,
  CASE WHEN a.kind IS NOT NULL THEN e.ip END,
  regexp_replace(e.app, '[ /]v?[0-9][0-9.]*$', ''),
  date_trunc('hour', e.time)
