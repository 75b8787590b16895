-- The rows of a day in pieces of limited size: an hour, or where that holds too many rows, ten minutes, a minute, ten
-- seconds or a second of it. Content is a digest of a piece's rows that does not depend on their order.
-- Reads: hashed (time, content: hash of the row).
WITH seconds AS (
  SELECT date_trunc('second', time) AS second, count(*) AS rows, sum(content) AS content
  FROM hashed
  GROUP BY date_trunc('second', time)
),
counted AS (
  SELECT
    *,
    sum(rows) OVER (PARTITION BY time_bucket(INTERVAL 1 HOUR, second)) AS in_hour,
    sum(rows) OVER (PARTITION BY time_bucket(INTERVAL 10 MINUTE, second)) AS in_ten_minutes,
    sum(rows) OVER (PARTITION BY time_bucket(INTERVAL 1 MINUTE, second)) AS in_minute,
    sum(rows) OVER (PARTITION BY time_bucket(INTERVAL 10 SECOND, second)) AS in_ten_seconds
  FROM seconds
),
cut AS (
  SELECT
    *,
    CASE
      WHEN in_hour <= $most_rows THEN 3600
      WHEN in_ten_minutes <= $most_rows THEN 600
      WHEN in_minute <= $most_rows THEN 60
      WHEN in_ten_seconds <= $most_rows THEN 10
      ELSE 1
    END AS span_seconds
  FROM counted
)
SELECT
  time_bucket(to_seconds(span_seconds), second) AS starts,
  span_seconds,
  CAST(sum(rows) AS BIGINT) AS rows,
  CAST(sum(content) AS VARCHAR) AS content
FROM cut
GROUP BY ALL
ORDER BY starts
