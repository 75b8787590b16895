-- Hours of past detections, which are not usual and so in no baseline.
-- A review changes nothing in this: it says what was, and gives no licence for what comes. What may go on is an entry of
-- the allow-list. Hours that the allow-list allows count among them: what is usual is to hold after an entry's expiry, too.
-- What a long scale found is usual hour by hour, so its hours stay.
-- Reads: past_detections (those of the training days), scales. is_reported: whether an alert reported them.
SELECT
  d."user",
  d.window_start + p.hours * INTERVAL 1 HOUR AS hour,
  max(CASE WHEN d.allowed_by IS NULL THEN 1 ELSE 0 END) AS is_reported
FROM past_detections d
CROSS JOIN (SELECT unnest(range($window_hours)) AS hours) p
WHERE d.scope NOT IN (SELECT scope FROM scales)
GROUP BY d."user", d.window_start + p.hours * INTERVAL 1 HOUR
ORDER BY "user", hour
