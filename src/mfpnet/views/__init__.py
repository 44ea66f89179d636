"""What people get to see: tables and progress on a terminal, and charts."""
