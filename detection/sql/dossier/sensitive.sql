-- Files of each alert with an entry in the dictionary, by category: a word of the file's or folder's name, or its
-- extension; and the number of such files that the user uploaded in the $training_days until the day before the alert.
-- Names are compared in lower case, as words with a blank on both sides.
-- Reads: subjects, alert_files, usual_files, terms (match, value, category).
WITH names AS (
  SELECT alert_id, TRUE AS is_alert, provider, event_key, asset, folder, file_name, extension, bytes, is_sized
  FROM alert_files
  UNION ALL
  SELECT s.alert_id, FALSE AS is_alert, u.provider, u.event_key, u.asset, u.folder, u.file_name, u.extension, u.bytes, FALSE AS is_sized
  FROM subjects s
  JOIN usual_files u ON u."user" = s."user" AND u.time >= s.opens - ($training_days + 1) * INTERVAL 1 DAY AND u.time < s.opens - INTERVAL 1 DAY
),
worded AS (
  SELECT
    *,
    concat(
      ' ', lower(regexp_replace(concat(coalesce(folder, ''), ' ', coalesce(file_name, '')), '[^\p{L}\p{N}]+', ' ', 'g')), ' '
    ) AS words
  FROM names
),
hits AS (
  SELECT w.alert_id, w.is_alert, w.provider, w.event_key, w.asset, w.file_name, w.bytes, w.is_sized, t.category, min(t.value) AS term
  FROM worded w
  JOIN terms t
    ON (t.match = 'word' AND contains(w.words, concat(' ', t.value, ' ')))
    OR (t.match = 'extension' AND w.extension = t.value)
  GROUP BY w.alert_id, w.is_alert, w.provider, w.event_key, w.asset, w.file_name, w.bytes, w.is_sized, t.category
),
placed AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY alert_id, category, is_alert ORDER BY bytes DESC NULLS LAST, file_name, event_key, asset
    ) AS place
  FROM hits
)
SELECT
  alert_id,
  category,
  count(CASE WHEN is_alert THEN 1 END) AS files,
  count(CASE WHEN is_alert AND is_sized THEN 1 END) AS sized_files,
  CASE WHEN sum(CASE WHEN is_alert THEN bytes END) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(CASE WHEN is_alert THEN bytes END) AS BIGINT) END AS bytes,
  count(CASE WHEN NOT is_alert THEN 1 END) AS usual_files,
  list(DISTINCT term ORDER BY term) AS terms,
  coalesce(list(file_name ORDER BY place) FILTER (WHERE is_alert AND place <= $most_examples), []) AS examples
FROM placed
GROUP BY alert_id, category
ORDER BY alert_id, files DESC, category
