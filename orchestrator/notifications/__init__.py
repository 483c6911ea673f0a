"""What is sent to people and programs: mail and webhooks."""
