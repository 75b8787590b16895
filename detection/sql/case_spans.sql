-- The openings of alerts that open a case, with the end of the period in which further alerts join it.
-- Reads: case_openings ("user", opening: of all relevant alerts), reviews (those given before $day_start count).
-- Per user, in time order: the first alert opens a case, those that open before the case closes join it, and the next
-- one opens the next case. A case closes $case_period after it opened, or when one of its alerts is reviewed before. A
-- review is about alerts that still had a window at or after the opening; earlier alerts had their last one before it.
-- A pure function of openings and reviews: arrival order, batches and repeats do not change the result.
WITH RECURSIVE looked_at AS (
  SELECT
    coalesce(person, "user") AS "user",
    last_window_end - $window_hours * INTERVAL 1 HOUR AS last_window_start,
    reviewed_at
  FROM reviews
  WHERE reviewed_at < $day_start
),
periods AS (
  SELECT
    o."user",
    o.opening,
    min(coalesce(r.reviewed_at, o.opening + $case_period)) AS closes
  FROM (SELECT DISTINCT "user", opening FROM case_openings) AS o
  LEFT JOIN looked_at r
    ON r."user" = o."user"
    AND r.last_window_start >= o.opening
    AND r.reviewed_at > o.opening
    AND r.reviewed_at < o.opening + $case_period
  GROUP BY o."user", o.opening
),
spans AS (
  SELECT "user", min(opening) AS opened, arg_min(closes, opening) AS closes
  FROM periods
  GROUP BY "user"
  UNION ALL
  SELECT s."user", min(p.opening) AS opened, arg_min(p.closes, p.opening) AS closes
  FROM spans s
  JOIN periods p ON p."user" = s."user" AND p.opening >= s.closes
  GROUP BY s."user", s.opened
)
SELECT "user", opened, closes
FROM spans
ORDER BY "user", opened
