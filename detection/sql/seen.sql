-- When and from which country the users of alerts signed in or uploaded.
-- Reads: folded_alerts, activity, uploads.
SELECT a."user", a.time, a.country, a.provider
FROM activity a
WHERE a.kind = 'sign_in' AND a."user" IN (SELECT f."user" FROM folded_alerts f)
UNION ALL
SELECT u."user", u.time, u.country, u.provider
FROM uploads u
WHERE u."user" IN (SELECT f."user" FROM folded_alerts f)
