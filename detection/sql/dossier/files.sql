-- The files of each alert, once a day as in its figures: with the name of the largest save and the bytes that saves
-- added.
-- is_sized: the size of every save is known.
-- Reads: alert_saves.
WITH placed AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY alert_id, provider, "user", day, file ORDER BY bytes DESC NULLS LAST, time, event_key, asset
    ) AS place,
    count(*) OVER whole AS saves,
    count(*) OVER whole = count(bytes) OVER whole AS is_sized,
    sum(added_bytes) OVER whole AS total,
    max(label) OVER whole AS any_label,
    max(time) OVER whole AS last_time
  FROM alert_saves
  WINDOW whole AS (PARTITION BY alert_id, provider, "user", day, file)
)
SELECT
  alert_id,
  opens,
  provider,
  event_key,
  asset,
  time,
  last_time,
  user_id,
  "user",
  file_id,
  file_name,
  extension,
  folder,
  owner,
  any_label AS label,
  visibility,
  saves,
  CASE WHEN total > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(total AS BIGINT) END AS bytes,
  is_sized,
  app
FROM placed
WHERE place = 1
