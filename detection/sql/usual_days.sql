-- Sums of each user's days, without the hours of past detections.
-- Reads: day_sums, partial_days, partial_sums (sums of the partial days without the excluded hours).
SELECT d.*
FROM day_sums d
WHERE
  d.day >= CAST($training_start AS DATE) AND d.day < CAST($day_start AS DATE)
  -- With a left join whose right side is empty, DuckDB 2.0.1 assumes that sums of the left side are not above zero.
  AND NOT EXISTS (SELECT 1 FROM partial_days p WHERE p."user" = d."user" AND p.day = d.day)
UNION ALL
SELECT * FROM partial_sums
