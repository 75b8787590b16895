-- The largest users of each group, a column for each measure.
-- Reads: largest_members.
SELECT
  alert_id,
  max(CASE WHEN largest_by = 'score' THEN "user" END) AS largest_by_score,
  max(CASE WHEN largest_by = 'files' THEN "user" END) AS largest_by_files,
  max(CASE WHEN largest_by = 'bytes' THEN "user" END) AS largest_by_bytes
FROM largest_members
GROUP BY alert_id
