"""What connectors outside this package test themselves with; nothing here is loaded when the desk runs."""
