-- When the users of alerts were active, from where and with which application, by minute: a burst of thousands of files
-- shows no more than its first file of each minute.
-- Reads: folded_alerts, user_activity, uploads.
WITH acts AS (
  SELECT a."user", a.time, a.provider, a.actor_class, FALSE AS is_upload, a.country, a.ip, a.app
  FROM user_activity a
  WHERE a.kind IN ('sign_in', 'download', 'share_external', 'delete')
  UNION ALL
  SELECT u."user", u.time, u.provider, u.actor_class, TRUE AS is_upload, u.country, u.ip, u.app
  FROM uploads u
  WHERE u."user" IN (SELECT f."user" FROM folded_alerts f)
)
SELECT "user", provider, actor_class, is_upload, country, ip, app, min(time) AS time
FROM acts
GROUP BY "user", provider, actor_class, is_upload, country, ip, app, date_trunc('minute', time)
