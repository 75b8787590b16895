-- Activity of the users of alerts, which several reasons read: a small part of months of everybody's activity.
-- Reads: folded_alerts, activity.
SELECT "user", time, provider, actor_class, kind, country, ip, app, detail
FROM activity
WHERE "user" IN (SELECT f."user" FROM folded_alerts f)
