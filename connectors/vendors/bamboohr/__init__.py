"""BambooHR, an HR system: https://www.bamboohr.com."""
