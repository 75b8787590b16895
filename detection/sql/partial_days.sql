-- Users and days with excluded hours, of which only the other hours count.
-- Reads: excluded_hours.
SELECT DISTINCT "user", CAST(hour AS DATE) AS day
FROM excluded_hours
