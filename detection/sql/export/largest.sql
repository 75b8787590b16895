-- The largest uploads of each alert that opens on the day, in the order in which they are its evidences. Chosen before
-- they are mapped to OCSF, since an alert may have a million.
-- Reads: plain_alerts, plain_uploads (those of the days that these alerts span).
WITH chosen AS (
  SELECT
    a.alert_id,
    unnest(arg_min(
      {'provider': u.provider, 'event_key': u.event_key, 'asset': u.asset},
      {
        'smaller': -coalesce(u.bytes, -1),
        'time': epoch_us(u.time) // 1000,
        'uid': concat(u.provider, ':', u.event_key, ':', u.asset)
      },
      $most
    )) AS upload
  FROM plain_alerts a
  JOIN plain_uploads u
    ON u."user" = a."user"
    AND u.time >= a.first_window_start
    AND u.time < a.last_window_end
    AND list_contains(a.providers, u.provider)
  WHERE CAST(a.first_window_start AS DATE) = $day
  GROUP BY a.alert_id
)
SELECT *
FROM plain_uploads u
WHERE EXISTS (
  SELECT 1
  FROM chosen c
  WHERE
    c.upload.provider = u.provider AND c.upload.event_key = u.event_key AND c.upload.asset = u.asset
)
