-- All revisions of published alerts: those stored so far, and the new ones of the ledger.
-- Reads: past_revisions, ledger, alerts.
SELECT
  alert_id, revision, published_at, state, name, severity, "user", first_window_start, last_window_end,
  files, sized_files, bytes, suppressed_count, sentence
FROM past_revisions
UNION ALL
SELECT
  l.alert_id, l.revision, CAST($now AS TIMESTAMP) AS published_at, l.state, a.name, a.severity, l."user", l.first_window_start,
  l.last_window_end, a.files, a.sized_files, a.bytes, a.suppressed_count, a.sentence
FROM ledger l
LEFT JOIN alerts a ON a.alert_id = l.alert_key
WHERE NOT EXISTS (SELECT 1 FROM past_revisions p WHERE p.alert_id = l.alert_id AND p.revision = l.revision)
ORDER BY first_window_start, alert_id, revision
