-- Published alerts all of whose hours are covered by entries of the allow-list.
-- Reads: shown, user_hours, allow_list, allowed_hours.
SELECT s.alert_id
FROM shown s
JOIN user_hours h
  ON h."user" = s.person
  AND h.hour >= coalesce(s.period_start, s.first_window_start)
  AND h.hour < s.last_window_end
  AND list_contains(s.providers, h.provider)
LEFT JOIN allowed_hours a
  ON a.population = h.population AND a."user" = h."user" AND a.provider = h.provider AND a.actor_class = h.actor_class
  AND a.hour = h.hour AND a.day = CAST(h.hour AS DATE)
WHERE s.person IN (SELECT l."user" FROM allow_list l)
GROUP BY s.alert_id, s.first_window_start
HAVING count(CASE WHEN a.allowed_by IS NULL THEN 1 END) = 0
ORDER BY s.first_window_start, s.alert_id
