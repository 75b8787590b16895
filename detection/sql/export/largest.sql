-- The largest uploads of each alert that opens on the day, in the order in which they are its evidences. Chosen before
-- they are mapped to OCSF, since an alert may have a million.
-- Reads: plain_alerts, plain_uploads (those of the days that these alerts span).
WITH placed AS (
  SELECT
    u.provider, u.event_key, u.asset,
    row_number() OVER (
      PARTITION BY a.alert_id
      ORDER BY coalesce(u.bytes, -1) DESC, epoch_us(u.time) // 1000, concat(u.provider, ':', u.event_key, ':', u.asset)
    ) AS place
  FROM plain_alerts a
  JOIN plain_uploads u
    ON u."user" = a."user"
    AND u.time >= a.first_window_start
    AND u.time < a.last_window_end
    AND list_contains(a.providers, u.provider)
  WHERE CAST(a.first_window_start AS DATE) = $day
)
SELECT *
FROM plain_uploads u
WHERE EXISTS (
  SELECT 1
  FROM placed p
  WHERE p.place <= $most AND p.provider = u.provider AND p.event_key = u.event_key AND p.asset = u.asset
)
