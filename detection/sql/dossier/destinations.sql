-- Destinations of the files: one row per provider, folder and owner, with the same user's uploads there until the day
-- before the alert. Uploads of the alert's day do not count as a habit.
-- places: number of destinations of the alert; new_places: those among them without earlier uploads of the user.
-- Reads: subjects, alert_files, usual_files.
WITH went AS (
  SELECT
    alert_id,
    provider,
    folder,
    owner,
    count(*) AS files,
    count(CASE WHEN is_sized THEN 1 END) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
    count(DISTINCT "user") AS users,
    list(DISTINCT visibility ORDER BY visibility) FILTER (WHERE visibility IS NOT NULL) AS visibility
  FROM alert_files
  GROUP BY alert_id, provider, folder, owner
),
earlier AS (
  SELECT
    s.alert_id,
    u.provider,
    u.folder,
    u.owner,
    count(*) AS files,
    count(DISTINCT CAST(u.time AS DATE)) AS days,
    max(u.time) AS last_time
  FROM subjects s
  JOIN usual_files u ON u."user" = s."user" AND u.time >= s.usual_from AND u.time < s.opens - INTERVAL 1 DAY
  GROUP BY s.alert_id, u.provider, u.folder, u.owner
),
compared AS (
  SELECT
    w.*,
    coalesce(e.files, 0) AS earlier_files,
    coalesce(e.days, 0) AS earlier_days,
    e.last_time AS earlier_last
  FROM went w
  LEFT JOIN earlier e
    ON e.alert_id = w.alert_id
    AND e.provider = w.provider
    AND e.folder IS NOT DISTINCT FROM w.folder
    AND e.owner IS NOT DISTINCT FROM w.owner
),
placed AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY alert_id ORDER BY files DESC, provider, folder, owner) AS place,
    count(*) OVER (PARTITION BY alert_id) AS places,
    count(CASE WHEN earlier_files = 0 THEN 1 END) OVER (PARTITION BY alert_id) AS new_places
  FROM compared
)
SELECT * EXCLUDE (place)
FROM placed
WHERE place <= $most_places
ORDER BY alert_id, files DESC, provider, folder, owner
