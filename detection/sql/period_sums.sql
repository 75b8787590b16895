-- What is kept of a day's long sums: of these a user's usual is made from a week or a month later.
-- Reads: period_totals, sources, scales.
-- A sum counts once the history is as long as what it adds up. Metrics as in day_sums.sql.
SELECT
  p.population,
  p.scope,
  p."user",
  p.usual_files AS files,
  p.usual_bytes AS bytes,
  CAST(round(10000 * log10(p.usual_files + 1)) AS BIGINT) AS m_files,
  CAST(round(10000 * log10(p.usual_bytes + 1000)) AS BIGINT) AS m_bytes
FROM period_totals p
JOIN scales s ON s.scope = p.scope
WHERE (SELECT min(first_day) FROM sources) + (s.days - 1) * INTERVAL 1 DAY <= $day_start
ORDER BY p."user", p.scope, p.population
