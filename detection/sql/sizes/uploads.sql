-- The uploads of a day with the size from any source, and an estimate where the uploaded version is gone or was
-- overwritten.
-- Reads: logged_uploads, answers, and typical_sizes of the day. An estimate has a column of its own, so that no sum of
-- bytes ever contains one.
SELECT
  u.provider,
  u.event_key,
  u.asset,
  u.time,
  u.user_id,
  u."user",
  u.actor_class,
  u.kind,
  u.operation,
  u.file_id,
  u.version,
  u.file_name,
  u.extension,
  u.folder,
  u.owner,
  u.label,
  u.visibility,
  coalesce(u.bytes, a.bytes) AS bytes,
  CASE
    WHEN u.bytes IS NOT NULL THEN 'log'
    WHEN a.size_source = 'gone' AND coalesce(o.bytes, t.bytes) IS NOT NULL THEN 'estimated'
    ELSE coalesce(a.size_source, 'unknown')
  END AS size_source,
  CASE WHEN u.bytes IS NULL AND a.size_source IN ('gone', 'later_version') THEN coalesce(o.bytes, t.bytes) END AS estimated_bytes,
  a.left_bytes,
  u.app,
  u.ip,
  u.country,
  u.app_id
FROM logged_uploads u
LEFT JOIN answers a ON a.event_key = u.event_key AND a.asset = u.asset
LEFT JOIN typical_sizes o ON o.scope = u.provider AND o.extension = u.extension
LEFT JOIN typical_sizes t ON t.scope = 'all' AND t.extension = u.extension
-- Ordered by the key's hash, since a number sorts faster than a text.
ORDER BY u.time, hash(u.event_key), u.asset
