"""What leaves Offboard for people and other programs: notices and webhooks."""
