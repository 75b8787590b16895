-- The latest review of each alert, and whether the alert has outgrown it.
-- Reads: reviews, ledger, revisions. A review is about the revision that it was given on; one of an earlier version
-- names none and is about the latest revision published before it. It no longer stands once the alert has a later end,
-- more files, more bytes or a higher severity than that revision; other words, or figures that shrank, change nothing.
-- A revision without figures (merged, withdrawn) said what the one before it did.
WITH latest AS (
  SELECT *
  FROM (
    SELECT *, row_number() OVER (PARTITION BY alert_id ORDER BY reviewed_at DESC, review DESC) AS place
    FROM reviews
  ) AS ranked
  WHERE place = 1 AND verdict <> 'withdrawn'
),
seen AS (
  SELECT
    l.alert_id,
    r.revision,
    r.last_window_end,
    r.files,
    r.bytes,
    r.severity,
    row_number() OVER (PARTITION BY l.alert_id ORDER BY r.revision DESC) AS place
  FROM latest l
  JOIN revisions r
    ON r.alert_id = l.alert_id
    AND r.files IS NOT NULL
    AND (r.revision <= l.revision OR (l.revision IS NULL AND r.published_at <= l.reviewed_at))
)
SELECT
  l.alert_id,
  l.verdict,
  l.reviewed_by,
  l.note,
  l.reviewed_at,
  coalesce(l.revision, s.revision) AS revision,
  coalesce(
    n.last_window_end > coalesce(s.last_window_end, l.last_window_end)
    OR n.files > s.files
    OR coalesce(n.bytes, 0) > coalesce(s.bytes, 0) AND s.alert_id IS NOT NULL
    OR list_position($severities, n.severity) > list_position($severities, s.severity),
    FALSE
  ) AS outgrown
FROM latest l
LEFT JOIN seen s ON s.alert_id = l.alert_id AND s.place = 1
LEFT JOIN ledger p ON p.alert_id = l.alert_id
LEFT JOIN revisions n ON n.alert_id = p.alert_id AND n.revision = p.revision
