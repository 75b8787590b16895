"""Access to the console: sign-in, sessions, roles, and the checks that every request passes."""
