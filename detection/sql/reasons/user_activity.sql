-- What else the users of alerts did, which several reasons read: of months of everybody's activity it is little.
-- Reads: folded_alerts, activity.
SELECT "user", time, provider, actor_class, kind, country, ip, app, detail
FROM activity
WHERE "user" IN (SELECT f."user" FROM folded_alerts f)
