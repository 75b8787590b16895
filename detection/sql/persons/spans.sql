-- The time range in which each account was seen with each address, or with none (NULL), and its kind of id.
-- Reads: identities (of all days). A stand-in for an account without a logged id is omitted if an account with an id
-- had the address, see tenures.sql. space: within one space, different people have different ids; a provider that logs
-- several kinds of ids has several spaces. same_as: one text for all spellings of an id at sources with Microsoft's
-- PUIDs.
WITH named AS (
  SELECT
    provider,
    account,
    address,
    actor_class,
    first_seen,
    last_seen,
    substr(account, length(provider) + 2) AS id,
    lower(substr(account, length(provider) + 2)) AS low
  FROM identities
),
kinds AS (
  SELECT
    *,
    coalesce(id = address, FALSE) AS is_address,
    CASE
      WHEN NOT list_contains(CAST($puid_sources AS VARCHAR []), provider) THEN NULL
      WHEN regexp_matches(low, '^i:0h[.]f[|]membership[|][0-9a-f]+@live[.]com$') THEN regexp_extract(low, '[|]([0-9a-f]+)@', 1)
      WHEN regexp_matches(low, '^[0-9a-f]{16}(@.*)?$') THEN left(low, 16)
      WHEN regexp_matches(low, '^[0-9]{17,19}(@.*)?$') THEN lower(hex(TRY_CAST(split_part(low, '@', 1) AS BIGINT)))
    END AS puid
  FROM named
),
held AS (
  SELECT DISTINCT provider, address FROM kinds WHERE NOT is_address AND address IS NOT NULL
)
SELECT
  k.provider,
  k.account,
  k.address,
  concat(
    k.provider,
    CASE
      WHEN k.is_address THEN ' address'
      WHEN k.puid IS NOT NULL THEN ' puid'
      WHEN regexp_matches(k.low, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') THEN ' guid'
      WHEN k.low LIKE 'dbid:%' THEN ' dbid'
      WHEN k.low LIKE 's-1-%' THEN ' sid'
      ELSE ''
    END
  ) AS space,
  CASE WHEN k.puid IS NOT NULL THEN concat(k.provider, ':', k.puid) END AS same_as,
  min(k.first_seen) AS first_seen,
  max(k.last_seen) AS last_seen,
  bool_or(k.actor_class = 'guest') AS is_guest
FROM kinds k
WHERE NOT (k.is_address AND EXISTS (SELECT 1 FROM held h WHERE h.provider = k.provider AND h.address = k.address))
GROUP BY k.provider, k.account, k.address, k.is_address, k.puid, k.low
