-- Users and days of which hours are not usual, so that only what is left of the day counts.
-- Reads: excluded_hours.
SELECT DISTINCT "user", CAST(hour AS DATE) AS day
FROM excluded_hours
