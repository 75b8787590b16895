-- User-hours that entries of the allow-list cover on a day: on the hour's own, or on the day before, on which a window over
-- midnight starts.
-- Reads: user_hours, allow_list.
-- An hour at a provider is covered by an entry for its user if the entry names no app, or all its saves were by that app;
-- the id of an app decides where the entry has one, since many choose their names themselves.
WITH dated AS (
  SELECT h.*, CAST(h.hour - d.days_before * INTERVAL 1 DAY AS DATE) AS day
  FROM user_hours h
  CROSS JOIN (SELECT unnest(range(2)) AS days_before) d
  WHERE h."user" IN (SELECT l."user" FROM allow_list l)
)
SELECT h.population, h."user", h.provider, h.actor_class, h.hour, h.day, min(e.allowed_by) AS allowed_by
FROM dated h
JOIN allow_list e
  ON e."user" = h."user"
  AND (e.provider IS NULL OR e.provider = h.provider)
  AND (
    e.app IS NULL
    OR (h.apps[e.app] >= h.files AND length(list_filter(map_values(h.apps), lambda n: n > 0)) = 1)
  )
  AND (
    e.app_id IS NULL
    OR (h.app_ids[e.app_id] >= h.files AND length(list_filter(map_values(h.app_ids), lambda n: n > 0)) = 1)
  )
  AND h.day >= e.first_day
  AND h.day <= e.last_day
GROUP BY h.population, h."user", h.provider, h.actor_class, h.hour, h.day
