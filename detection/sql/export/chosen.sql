-- Which uploads are the evidences of each alert that opens on the day, and in which order: the largest. Chosen before they
-- are mapped to OCSF, since an alert may have a million.
-- Reads: plain_alerts, person_uploads (those of the days that these alerts span, each with its person).
WITH placed AS (
  SELECT
    a.alert_id, u.provider, u.event_key, u.asset,
    row_number() OVER (
      PARTITION BY a.alert_id
      ORDER BY coalesce(u.bytes, -1) DESC, epoch_us(u.time) // 1000, concat(u.provider, ':', u.event_key, ':', u.asset)
    ) AS place
  FROM plain_alerts a
  JOIN person_uploads u
    ON u.person = coalesce(a.person, a."user")
    AND u.time >= a.first_window_start
    AND u.time < a.last_window_end
    AND list_contains(a.providers, u.provider)
  WHERE CAST(a.first_window_start AS DATE) = $day
)
SELECT * FROM placed WHERE place <= $most
