"""`offboard demo`: people leave a small company on this machine."""
