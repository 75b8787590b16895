-- The users of each alert; for a group, those with the most files.
-- Reads: subjects, alert_files, person_names (present and former addresses of the user).
WITH ids AS (
  SELECT alert_id, "user", list(DISTINCT struct_pack(provider := provider, id := user_id)) AS ids
  FROM alert_files
  WHERE user_id IS NOT NULL
  GROUP BY alert_id, "user"
),
names AS (
  SELECT person, list(DISTINCT address ORDER BY address) AS addresses
  FROM person_names
  WHERE address IS NOT NULL AND person IN (SELECT "user" FROM subjects)
  GROUP BY person
),
placed AS (
  SELECT
    s.alert_id,
    s."user",
    s.files,
    s.sized_files,
    s.bytes,
    s.one_in,
    i.ids,
    n.addresses,
    row_number() OVER (PARTITION BY s.alert_id ORDER BY s.files DESC, s."user") AS place
  FROM subjects s
  LEFT JOIN ids i ON i.alert_id = s.alert_id AND i."user" = s."user"
  LEFT JOIN names n ON n.person = s."user"
)
SELECT * EXCLUDE (place)
FROM placed
WHERE place <= $most_users
ORDER BY alert_id, place
