-- The detections that open an alert, and until when others fold into it.
-- Reads: all_detections, those of all days looked at that the allow-list does not allow. Per user, in time order: the
-- first detection opens an alert, all that start within the deduplication period of that opening fold into it, the next
-- one after that opens the next. A pure function of the detections that exist: their order of arrival, pieces and
-- repeats change nothing.
WITH RECURSIVE starts AS (
  -- Read once: every step of the recursion would read the detections' files again.
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
