-- Sightings of each user, with what is known of the address. The provider's country takes precedence over the
-- operator's database. An address that is no place, such as that of the organisation's VPN, has no country from either.
-- located_by: source of the country, a provider or 'address'.
-- Reads: seen, addresses (what is known of an ip).
SELECT
  e."user",
  e.provider,
  e.actor_class,
  e.is_upload,
  e.app,
  e.time,
  e.ip,
  a.network,
  a.kind,
  a.listed,
  coalesce(a.is_place, TRUE) AS is_place,
  CASE WHEN coalesce(a.is_place, TRUE) THEN coalesce(e.country, a.country) END AS country,
  CASE WHEN e.country IS NOT NULL THEN e.provider ELSE 'address' END AS located_by
FROM seen e
LEFT JOIN addresses a ON a.ip = e.ip
