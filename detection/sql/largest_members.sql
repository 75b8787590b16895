-- The largest users of each group with a common cause: by score above the threshold, by files and by bytes. Whoever
-- steals while others migrate is over the threshold, too, and mostly one of these.
-- Reads: shown, alerts, ledger. member: published id of the user's own alert, which is folded into the group's.
WITH folded AS (
  SELECT
    s.alert_id,
    l.alert_id AS member,
    l."user",
    a.files,
    a.sized_files,
    a.bytes,
    a.score - a.threshold AS distance,
    a.one_in
  FROM shown s
  JOIN alerts a ON a.folded_into = s.alert_key
  JOIN ledger l ON l.alert_key = a.alert_id
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY alert_id ORDER BY distance DESC NULLS LAST, member) AS place_by_score,
    row_number() OVER (PARTITION BY alert_id ORDER BY files DESC, member) AS place_by_files,
    row_number() OVER (PARTITION BY alert_id ORDER BY bytes DESC NULLS LAST, member) AS place_by_bytes
  FROM folded
),
named AS (
  SELECT 1 AS place, 'score' AS largest_by, * FROM ranked WHERE place_by_score = 1 AND distance IS NOT NULL
  UNION ALL
  SELECT 2 AS place, 'files' AS largest_by, * FROM ranked WHERE place_by_files = 1
  UNION ALL
  SELECT 3 AS place, 'bytes' AS largest_by, * FROM ranked WHERE place_by_bytes = 1 AND bytes IS NOT NULL
)
SELECT alert_id, largest_by, member, "user", files, sized_files, bytes, distance, one_in
FROM named
ORDER BY alert_id, place
