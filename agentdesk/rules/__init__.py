"""Pure decisions: clocks, calendars, priority, queries, order."""
