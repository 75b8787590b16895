-- Alerts as shown, without those in a group: with their published ids, their revision and the latest review.
-- Reads: alerts, ledger, reviews. A risk indicator not in $indicators was written by another version.
WITH latest AS (
  SELECT alert_id, verdict, reviewed_by, note
  FROM (
    SELECT *, row_number() OVER (PARTITION BY alert_id ORDER BY reviewed_at DESC, review DESC) AS place
    FROM reviews
  ) AS ranked
  WHERE place = 1
)
SELECT
  l.alert_id,
  a.* EXCLUDE (alert_id) REPLACE (
    l."user" AS "user",
    list_filter(a.reasons, lambda r: list_contains($indicators, r.name)) AS reasons
  ),
  l.alert_key,
  l.revision,
  v.verdict,
  v.reviewed_by,
  v.note AS review_note
FROM alerts a
JOIN ledger l ON l.alert_key = a.alert_id
LEFT JOIN latest v ON v.alert_id = l.alert_id
WHERE a.folded_into IS NULL
ORDER BY a.first_window_start, l."user"
