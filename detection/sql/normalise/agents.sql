-- Derives the application from the user agent where the log names none.
-- Reads: parsed_agents (text, app).
UPDATE events
SET app = parsed_agents.app
FROM parsed_agents
WHERE events.user_agent = parsed_agents.text
