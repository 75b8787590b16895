-- The largest uploads of each alert of the day, as OCSF evidences and as related events.
-- Reads: shown, ocsf_uploads (File Hosting Activity of the alerts' days). Made from uploads that were mapped, so that an
-- evidence says the same as the upload's own event, and names its uid.
WITH placed AS (
  SELECT
    s.alert_id,
    u.metadata,
    u.type_uid,
    u.actor,
    u.src_endpoint,
    u.file,
    row_number() OVER (
      PARTITION BY s.alert_id ORDER BY coalesce(u.file.size, -1) DESC, u.time, u.metadata.uid
    ) AS place
  FROM shown s
  JOIN ocsf_uploads u
    ON u.actor.user.name = s."user"
    AND u.time >= epoch_us(s.first_window_start) // 1000
    AND u.time < epoch_us(s.last_window_end) // 1000
    AND list_contains(s.providers, u.metadata.log_provider)
  WHERE CAST(s.first_window_start AS DATE) = $day
)
SELECT
  alert_id,
  list_transform(
    list_sort(list({'place': place, 'uid': metadata.uid, 'actor': actor, 'src_endpoint': src_endpoint, 'file': file})),
    lambda e: {'uid': e.uid, 'actor': e.actor, 'src_endpoint': e.src_endpoint, 'file': e.file}
  ) AS evidences,
  list_transform(
    list_sort(list({'place': place, 'uid': metadata.uid, 'type_uid': type_uid})),
    lambda e: {'uid': e.uid, 'type_uid': e.type_uid}
  ) AS related_events
FROM placed
WHERE place <= $most
GROUP BY alert_id
