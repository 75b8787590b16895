-- Hours of past detections, which are not usual and so in no baseline, unless the alert was found to be benign.
-- Those that the allow-list allows count among them: what is usual is to hold on the day after an entry's expiry, too.
-- Reads: past_detections (those of the training days), verdicts.
WITH kept AS (
  SELECT d."user", d.window_start
  FROM past_detections d
  WHERE NOT EXISTS (
    SELECT 1
    FROM verdicts v
    WHERE
      v."user" = d."user"
      AND v.verdict = 'benign'
      AND d.window_start >= v.first_window_start
      AND d.window_start < v.last_window_end
  )
)
SELECT DISTINCT k."user", k.window_start + p.hours * INTERVAL 1 HOUR AS hour
FROM kept k
CROSS JOIN (SELECT unnest(range($window_hours)) AS hours) p
ORDER BY "user", hour
