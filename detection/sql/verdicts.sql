-- Reviews by the start of a day: each alert's latest verdict, and the time range that it is about.
-- Reads: reviews. A verdict counts from the day after it was given, so that no past day is evaluated again.
SELECT
  coalesce(person, "user") AS "user",
  first_window_start,
  last_window_end,
  verdict
FROM (
  SELECT *, row_number() OVER (PARTITION BY alert_id ORDER BY reviewed_at DESC, review DESC) AS place
  FROM reviews
  WHERE reviewed_at < $day_start
) AS ranked
WHERE place = 1 AND verdict <> 'withdrawn'
ORDER BY "user", first_window_start, verdict
