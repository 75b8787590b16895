-- Alerts as shown, without those in a group: with their published ids, their case, their revision and their review.
-- Reads: alerts, ledger, standing, case_alerts. A risk indicator not in $indicators was written by another version.
SELECT
  l.alert_id,
  a.* EXCLUDE (alert_id) REPLACE (
    l."user" AS "user",
    list_filter(a.reasons, lambda r: list_contains($indicators, r.name)) AS reasons
  ),
  l.alert_key,
  l.revision,
  c.case_id,
  c.escalates,
  CASE WHEN NOT v.outgrown THEN v.verdict END AS verdict,
  CASE WHEN NOT v.outgrown THEN v.reviewed_by END AS reviewed_by,
  CASE WHEN NOT v.outgrown THEN v.note END AS review_note,
  CASE WHEN NOT v.outgrown THEN v.reviewed_at END AS reviewed_at,
  CASE WHEN v.outgrown THEN v.verdict END AS outgrown_verdict,
  CASE WHEN v.outgrown THEN v.reviewed_by END AS outgrown_by,
  CASE WHEN v.outgrown THEN v.note END AS outgrown_note,
  CASE WHEN v.outgrown THEN v.revision END AS outgrown_revision
FROM alerts a
JOIN ledger l ON l.alert_key = a.alert_id
LEFT JOIN standing v ON v.alert_id = l.alert_id
LEFT JOIN case_alerts c ON c.alert_id = l.alert_id
WHERE a.folded_into IS NULL
ORDER BY a.first_window_start, l."user"
