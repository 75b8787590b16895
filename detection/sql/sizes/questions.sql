-- The files to look up, those that may decide an alert first: archives and the like, then files of
-- users with an unusual day, then the rest; the newest first within each group. Reads: open_uploads of all days.
SELECT
  asker AS "user",
  file_id,
  version,
  min(time) AS since,
  site_id,
  list_id,
  folder_id,
  max(file_name) AS file_name,
  max(folder) AS folder,
  max(saves) AS saves,
  list(DISTINCT day ORDER BY day) AS days
FROM open_uploads
WHERE state = 'open'
GROUP BY asker, file_id, version, site_id, list_id, folder_id
ORDER BY
  max(CASE WHEN decisive THEN 2 WHEN unusual THEN 1 ELSE 0 END) DESC,
  max(time) DESC,
  file_id,
  version,
  "user"
LIMIT $most
