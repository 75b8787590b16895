-- Thresholds of one day for each population and metric, so that the alert budget is met.
-- Reads: calibration, past_baselines (of the calibration days), accounts, scales.
-- Scores are in standard deviations of their own scope, so one threshold serves all scopes. What may be reached in the
-- calibration days (asked) is the budget over their monitored user-days, more or less by what is left on the account.
-- Each user and day is placed by each metric, and counts with its best place in proportion to the metric's weight: that of
-- files and bytes in a test window is 1, that of a long scale $long_weight each. Places are shared so that as many
-- user-days count as are asked for. A place between two scores, or beyond the highest, lies on the line that the
-- scores' tail follows: from the (m/5)th to the mth highest, a score falls with the logarithm of its place. As that is an
-- estimate from few scores, the line is followed further up than straight, to where scores come as often as asked on
-- average over what the estimate may be.
-- What is left on the account is weighed against what chance makes of a month's alerts, and a week's allowance: a weekend
-- without alerts must not make for many on Monday.
-- An overdrawn account is paid back at three times the pace at which credit is spent, but never by asking for less than
-- 1/e of the budget: under attack more alerts are read than asked for, or a series of incidents would hide the next.
-- Where there is too little to calibrate on, a prior threshold stands in, which the account moves, too.
-- Newcomers are few, and there is little of their own to compare with: their threshold is drawn to everybody's with the
-- weight of ten of their user-days, and is never above it.
WITH days AS (
  SELECT
    population,
    coalesce(CAST(sum(users) AS BIGINT), 0) AS user_days,
    count(*) AS calibration_days
  FROM past_baselines
  WHERE scope = 'all' AND "user" IS NULL AND history_days >= $warm_up_days
  GROUP BY population
),
wanted AS (
  SELECT
    a.population,
    a.base,
    a.share,
    a.budget,
    a.watched_users,
    a.opened,
    a.allowed,
    a.balance,
    coalesce(d.user_days, 0) AS user_days,
    coalesce(d.calibration_days, 0) AS calibration_days,
    -- As in accounts.sql: an alert a week at least.
    a.share * CASE
      WHEN a.base = 'people' AND a.population <> 'watch_list' AND d.user_days > 0 THEN greatest(a.budget * d.user_days / 1000, d.calibration_days / 7.0)
      ELSE a.budget * coalesce(d.user_days, 0) / 1000
    END AS expected
  FROM accounts a
  LEFT JOIN days d ON d.population = a.base
),
pushed AS (
  SELECT *, exp(greatest(-1, least(3, CASE WHEN balance < 0 THEN 3 ELSE 1 END * balance / greatest(sqrt(greatest(expected / share, 1)), 7 * allowed / share)))) AS push
  FROM wanted
),
asked AS (
  SELECT *, expected * push AS asked
  FROM pushed
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY population, metric ORDER BY score DESC, day, "user") AS place,
    count(*) OVER (PARTITION BY population, metric) AS number
  FROM (
    SELECT population, metric, "user", day, score FROM calibration
    UNION ALL
    -- Few are on the watch list: their threshold is the one that people would reach as often as its budget says.
    SELECT 'watch_list' AS population, metric, "user", day, score FROM calibration WHERE population = 'people'
  ) AS all_populations
),
metrics AS (
  SELECT 'files' AS metric, 1.0 AS weight, 1 AS is_short
  UNION ALL
  SELECT 'bytes' AS metric, 1.0 AS weight, 1 AS is_short
  UNION ALL
  SELECT concat_ws('_', 'files', scope) AS metric, CAST($long_weight AS DOUBLE) AS weight, 0 AS is_short FROM scales
  UNION ALL
  SELECT concat_ws('_', 'bytes', scope) AS metric, CAST($long_weight AS DOUBLE) AS weight, 0 AS is_short FROM scales
),
-- How many user-days count when files and bytes in a test window are cut at the same place: between one and two for each
-- place. Those of the long scales are too few to overlap.
best AS (
  SELECT r.population, min(r.place) AS place
  FROM ranked r
  JOIN metrics m ON m.metric = r.metric AND m.is_short = 1
  GROUP BY r.population, r."user", r.day
),
long_places AS (
  SELECT r.population, sum(m.weight) AS weight
  FROM (SELECT DISTINCT population, metric FROM ranked) AS r
  JOIN metrics m ON m.metric = r.metric AND m.is_short = 0
  GROUP BY r.population
),
shares AS (
  SELECT
    a.population,
    greatest(1.0, 1.0 * count(b.place) FILTER (WHERE b.place <= greatest(10, a.expected)) / greatest(10, a.expected))
    + coalesce(max(l.weight), 0) AS counted
  FROM asked a
  LEFT JOIN best b ON b.population = a.population
  LEFT JOIN long_places l ON l.population = a.population
  GROUP BY a.population, a.expected
),
places AS (
  SELECT
    a.*,
    m.metric,
    m.is_short,
    greatest(m.weight * a.asked / s.counted, 0.0001) AS place,
    coalesce((SELECT max(r.number) FROM ranked r WHERE r.population = a.population AND r.metric = m.metric), 0) AS number
  FROM asked a
  JOIN shares s ON s.population = a.population
  JOIN metrics m ON m.is_short = 1 OR a.population <> 'newcomers'
),
tails AS (
  SELECT
    *,
    least(20, number - 1) AS low,
    greatest(3, CAST(floor(least(20, number - 1) / 5.0) AS BIGINT)) AS high,
    least(CAST(floor(place) AS BIGINT), number) AS above
  FROM places
),
-- Of an exponential tail, the distance between the two scores is ln(low / high) slopes with a variance of 1/high - 1/low:
-- the slope is as sure as if it were the mean of so many exponentials (of five at least: how tails fall is known).
sure AS (
  SELECT *, CASE WHEN number >= 5 THEN greatest(5, power(ln(1.0 * low / high), 2) / (1.0 / high - 1.0 / low)) END AS sureness
  FROM tails
),
fitted AS (
  SELECT
    t.population, t.metric, t.budget, t.watched_users, t.opened, t.allowed, t.balance, t.user_days, t.calibration_days,
    t.base, t.is_short, t.push, t.asked, t.place, t.number, t.low, t.high, t.above, t.sureness,
    max(r.score) FILTER (WHERE r.place = t.low) AS low_score,
    max(r.score) FILTER (WHERE r.place = t.high) AS high_score,
    max(r.score) FILTER (WHERE r.place = t.above) AS above_score,
    max(r.score) FILTER (WHERE r.place = least(t.above + 1, t.number)) AS below_score
  FROM sure t
  LEFT JOIN ranked r ON r.population = t.population AND r.metric = t.metric
  GROUP BY ALL
),
placed AS (
  SELECT
    *,
    CASE
      WHEN user_days < $least_user_days OR number < 5
        THEN greatest(CASE WHEN is_short = 1 THEN $prior_threshold ELSE $long_prior_threshold END - 4.5 * log10(push * budget / 2), 1.0)
      WHEN place >= low THEN above_score + (below_score - above_score) * least(place - above, 1)
      ELSE low_score + (high_score - low_score) / ln(1.0 * low / high) * (power(low / place, 1 / sureness) - 1) * sureness
    END AS threshold
  FROM fitted
),
drawn AS (
  SELECT
    p.*,
    CASE
      WHEN o.threshold IS NULL THEN p.threshold
      WHEN p.number < 5 OR p.threshold > o.threshold THEN o.threshold
      ELSE (p.number * p.threshold + 10 * o.threshold) / (p.number + 10)
    END AS level
  FROM placed p
  LEFT JOIN placed o ON p.population = 'newcomers' AND o.population = p.base AND o.metric = p.metric
)
SELECT
  p.population,
  p.metric,
  round(p.level, 6) AS threshold,
  p.budget,
  p.watched_users,
  p.opened,
  p.allowed,
  p.balance,
  round(p.asked, 6) AS asked,
  p.user_days,
  p.calibration_days,
  p.number AS scored_user_days,
  count(r.score) FILTER (WHERE r.score >= p.level) AS user_days_above,
  CASE WHEN p.user_days < $least_user_days THEN 'low' ELSE 'normal' END AS confidence
FROM drawn p
LEFT JOIN ranked r ON r.population = p.population AND r.metric = p.metric
GROUP BY ALL
ORDER BY p.population, p.metric
