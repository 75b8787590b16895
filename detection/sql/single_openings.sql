-- Openings of past alerts that stand for themselves: their users have no common cause on that day.
-- Reads: past_openings, case_detections, past_causes.
SELECT o."user", o.opening
FROM past_openings o
WHERE NOT EXISTS (
  SELECT 1
  FROM case_detections d
  JOIN past_causes c ON c.day = CAST(d.window_start AS DATE) AND c.cause = d.cause AND c.is_common
  WHERE d."user" = o."user" AND d.window_start = o.opening
)
