-- The largest uploads of each alert of the day, as OCSF evidences and as related events.
-- Reads: chosen, ocsf_uploads (File Hosting Activity of the chosen uploads). Made from mapped uploads, so that an
-- evidence has the same content as the upload's own event, and names its uid.
WITH placed AS (
  SELECT c.alert_id, c.place, u.metadata, u.type_uid, u.actor, u.src_endpoint, u.file
  FROM chosen c
  JOIN ocsf_uploads u ON u.metadata.uid = concat(c.provider, ':', c.event_key, ':', c.asset)
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
GROUP BY alert_id
