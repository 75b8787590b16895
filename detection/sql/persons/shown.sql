-- Alerts with the address to show for the person, and the person's key.
-- Reads: all_alerts ("user" is the key), person_labels. A group has a text for its user, and no person.
SELECT a.* REPLACE (coalesce(l.label, a."user") AS "user"), CASE WHEN a.users = 1 THEN a."user" END AS person
FROM all_alerts a
LEFT JOIN person_labels l ON l.person = a."user"
ORDER BY a.first_window_start, a."user"
