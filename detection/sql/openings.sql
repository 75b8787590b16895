-- The detections that open an alert, with the end of the period in which others fold into it.
-- Reads: all_detections (of all relevant days, without those that the allow-list allows). Per user, in time order: the
-- first detection opens an alert, those that start within the deduplication period of that opening fold into it, and
-- the next one opens the next alert. A pure function of the existing detections: arrival order, batches and repeats do
-- not change the result.
WITH RECURSIVE starts AS (
  -- Read once, since each step of the recursion would read the detections' files again.
  SELECT DISTINCT "user", window_start
  FROM all_detections
),
openings AS (
  SELECT "user", min(window_start) AS opening
  FROM starts
  GROUP BY "user"
  UNION ALL
  SELECT o."user", min(s.window_start) AS opening
  FROM openings o
  JOIN starts s ON s."user" = o."user" AND s.window_start >= o.opening + $deduplication
  GROUP BY o."user", o.opening
)
SELECT "user", opening, opening + $deduplication AS closes
FROM openings
ORDER BY "user", opening
