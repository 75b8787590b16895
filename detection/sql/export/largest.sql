-- The largest uploads of each alert that opens on the day, in the order in which they are its evidences: of each file the
-- largest save. Chosen before they are mapped to OCSF, since an alert may have a million.
-- Reads: plain_alerts, plain_uploads (those of the days that these alerts span).
WITH saved AS (
  SELECT
    a.alert_id, u.provider, u.event_key, u.asset, u.bytes, u.time,
    row_number() OVER (
      PARTITION BY a.alert_id, u.provider, coalesce(u.file_id, concat(u.event_key, ':', u.asset))
      ORDER BY coalesce(u.bytes, -1) DESC, epoch_us(u.time) // 1000, u.event_key, u.asset
    ) AS nth_save
  FROM plain_alerts a
  JOIN plain_uploads u
    ON u."user" = a."user"
    AND u.time >= a.first_window_start
    AND u.time < a.last_window_end
    AND list_contains(a.providers, u.provider)
  WHERE CAST(a.first_window_start AS DATE) = $day
),
placed AS (
  SELECT
    provider, event_key, asset,
    row_number() OVER (
      PARTITION BY alert_id
      ORDER BY coalesce(bytes, -1) DESC, epoch_us(time) // 1000, concat(provider, ':', event_key, ':', asset)
    ) AS place
  FROM saved
  WHERE nth_save = 1
)
SELECT *
FROM plain_uploads u
WHERE EXISTS (
  SELECT 1
  FROM placed p
  WHERE p.place <= $most AND p.provider = u.provider AND p.event_key = u.event_key AND p.asset = u.asset
)
