-- The uploads that are evidences of the day's alerts, as logged.
-- Reads: chosen, person_uploads.
SELECT u.* EXCLUDE (person)
FROM person_uploads u
WHERE EXISTS (
  SELECT 1
  FROM chosen c
  WHERE c.provider = u.provider AND c.event_key = u.event_key AND c.asset = u.asset
)
