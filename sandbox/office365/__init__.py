"""Stand-in for Office 365: Management Activity API and Microsoft Graph."""
