"""Data: calendars."""
