-- Uploads that are the evidences of each alert that opens on the day, in order: the largest ones, with the largest save
-- of each file. They are chosen before they are mapped to OCSF, since an alert may have a million uploads.
-- Reads: plain_alerts, person_uploads (of the days that these alerts span, each with its person).
WITH saved AS (
  SELECT
    a.alert_id, u.provider, u.event_key, u.asset, u.bytes, u.time,
    row_number() OVER (
      PARTITION BY a.alert_id, u.provider, coalesce(u.file_id, concat(u.event_key, ':', u.asset))
      ORDER BY coalesce(u.bytes, -1) DESC, epoch_us(u.time) // 1000, u.event_key, u.asset
    ) AS nth_save
  FROM plain_alerts a
  JOIN person_uploads u
    ON u.person = coalesce(a.person, a."user")
    AND u.time >= coalesce(a.period_start, a.first_window_start)
    AND u.time < a.last_window_end
    AND list_contains(a.providers, u.provider)
  WHERE CAST(a.first_window_start AS DATE) = $day
),
placed AS (
  SELECT
    alert_id, provider, event_key, asset,
    row_number() OVER (
      PARTITION BY alert_id
      ORDER BY coalesce(bytes, -1) DESC, epoch_us(time) // 1000, concat(provider, ':', event_key, ':', asset)
    ) AS place
  FROM saved
  WHERE nth_save = 1
)
SELECT * FROM placed WHERE place <= $most
