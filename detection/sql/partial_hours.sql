-- The user-hours that remain of the days with excluded hours.
-- Reads: user_hours of the training days, excluded_hours, partial_days.
SELECT u.population, u."user", u.provider, u.hour, u.files, u.sized_files, u.bytes, u.again_files
FROM user_hours u
-- A join: EXISTS with an expression of the outer row makes DuckDB 2.0.1 hash all user-hours.
JOIN partial_days p ON p."user" = u."user" AND p.day = CAST(u.hour AS DATE)
WHERE
  u.hour >= $training_start AND u.hour < $day_start
  AND NOT EXISTS (SELECT 1 FROM excluded_hours e WHERE e."user" = u."user" AND e.hour = u.hour)
