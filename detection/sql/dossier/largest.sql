-- The largest users of the groups among the alerts.
-- Reads: subjects, largest_members.
SELECT m.alert_id, m.largest_by, m.member, m."user", m.files, m.sized_files, m.bytes, m.distance
FROM largest_members m
WHERE m.alert_id IN (SELECT s.alert_id FROM subjects s)
ORDER BY m.alert_id, CASE m.largest_by WHEN 'score' THEN 1 WHEN 'files' THEN 2 ELSE 3 END
