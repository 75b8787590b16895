-- Names the application by its user agent where the log names none.
-- Reads: told_agents (text, app).
UPDATE events
SET app = told_agents.app
FROM told_agents
WHERE events.user_agent = told_agents.text
